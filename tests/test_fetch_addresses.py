"""Where `fetch` goes, and where it does not follow."""

import pytest
from fetch_server import Fault
from fetching import DATA, bring, faults, listing
from yarl import URL

from mmdata.fetching.addresses import address, redirected
from mmdata.fetching.faults import Refused
from mmdata.verbs.fetch import fetch

pytestmark = pytest.mark.usefixtures("quick")


def test_redirects_are_followed_and_loops_named(corpus, site):
    site.faults["/x"] = [Fault("redirect", to="/y")]
    site.faults["/y"] = [Fault("redirect", to=f"{site.url}/a")]
    site.files["/a"] = site.files["/x"] = DATA
    listing(corpus, site, "x")
    assert fetch(corpus).fetched == 1
    site.always = {"/x": Fault("redirect", to="/y?token=geheim"), "/y": Fault("redirect", to="/x")}
    listing(corpus, site, "x", sha256="0" * 64)
    done = fetch(corpus)
    assert faults(done) == {"x": "redirect"}
    assert f"in a loop: {site.url}/x → {site.url}/y → {site.url}/x" in done.failures[0].reason
    site.always = {f"/{n}": Fault("redirect", to=f"/{n + 1}") for n in range(30)}
    listing(corpus, site, "0")
    assert "more than 10 times" in fetch(corpus).failures[0].reason


@pytest.mark.parametrize("to", ["file:///etc/passwd", "ftp://h/a", "", "http://", "javascript:alert(1)"])
def test_a_redirect_that_leaves_the_web_is_not_followed(corpus, site, to):
    done, content = bring(corpus, site, Fault("redirect", to=to))
    assert (content, faults(done)) == (None, {"a": "redirect"})


def test_a_redirect_from_https_to_http_is_not_followed_and_takes_no_password_along():
    with pytest.raises(Refused, match="from https to http"):
        redirected(URL("https://h/a"), "http://h/a")
    assert redirected(URL("http://me:pass@h/a"), "https://other/b?c=%2F") == URL("https://other/b?c=%2F", encoded=True)
    assert redirected(URL("http://me:pass@h/a"), "/b") == URL("http://me:pass@h/b")
    assert redirected(URL("http://h/a"), "https://you:pass@other/b").user is None


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("http://h/%2F?X-Sig=a%2Bb+c/d=&x=[1]", "http://h/%2F?X-Sig=a%2Bb+c/d=&x=[1]"),
        (" HTTPS://예시.한국:8080/가 나.jpg#x\n", "https://xn--vv4b11d.xn--3e0b707e:8080/%EA%B0%80%20%EB%82%98.jpg"),
        ("http://h", "http://h/"),
        ("http://h/100%.jpg", "http://h/100%25.jpg"),
    ],
)
def test_a_url_is_asked_for_as_it_is_written(url, asked):
    assert str(address(url)) == asked
