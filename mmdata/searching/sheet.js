
const FACETS = [];
const SHOWN = 4, FEW = 12; // Values on a card; hits that need no search among them.
const WORDS = {
  en: {
    ...COMMON.en,
    toFindings: "Skip to what was found", findings: "Found", found: (n) => (n === "1" ? "picture found" : "pictures found"),
    model: "Model", where: "Filter", among: "Among", pictures: (n, ms) => `${n} pictures, ${ms} ms`,
    older: (of, newest) => `This index is of ${of}; the newest release is ${newest}.`,
    same: (n) => `+${n} with this picture`, more: "All values", nearness: (s) => `cosine ${s}`,
    search: "Search in values and ids  ( / )", count: (a, b, n, all) => (n === all ? `${a}–${b} of ${n}` : `${a}–${b} of ${n} (${all} without the search)`),
    nothing: "Nothing matches the search.", empty: "No picture was found.",
    pictured: (n, of, mb) => `${n} of ${of} pictures are in this file; about ${mb} MB.`,
  },
  ko: {
    ...COMMON.ko,
    toFindings: "찾은 것으로 건너뛰기", findings: "찾은 것", found: () => "장을 찾았습니다",
    model: "모델", where: "조건", among: "대상", pictures: (n, ms) => `사진 ${n}장, ${ms} ms`,
    older: (of, newest) => `이 색인은 ${of}의 것입니다. 최신 릴리스는 ${newest}입니다.`,
    same: (n) => `같은 사진 ${n}건 더`, more: "값 모두 보기", nearness: (s) => `코사인 ${s}`,
    search: "값과 ID 검색  ( / )", count: (a, b, n, all) => (n === all ? `${n}장 중 ${a}–${b}` : `${n}장 중 ${a}–${b} (검색 없이 ${all}장)`),
    nothing: "이 검색에 맞는 것이 없습니다.", empty: "찾은 사진이 없습니다.",
    pictured: (n, of, mb) => `사진 ${of}장 가운데 ${n}장을 이 파일에 담았습니다. 약 ${mb} MB.`,
  },
};
const { facts: index, asked } = report;
const items = report.hits.map((hit) => ({ ...hit, facts: [], text: plain([hit.id, ...hit.values.flat()].join("\n")) }));
const values = [];

const decimals = (n) => n.toLocaleString(language, { minimumFractionDigits: 3, maximumFractionDigits: 3 });
const described = (pairs, className) => make("dl", { className }, ...pairs.flatMap(([name, value]) => [make("dt", {}, name), make("dd", { lang: "" }, value)]));

function listed(hit) {
  const near = make("i");
  near.style.width = `${Math.max(0, 100 * hit.score)}%`;
  const rest = hit.values.slice(SHOWN);
  return make("li", { className: "card" },
    picture(hit.id),
    make("div", { className: "near" }, make("b", { title: words.nearness(decimals(hit.score)) }, decimals(hit.score)), make("span", {}, near)),
    make("span", { className: "id" }, hit.id),
    described(hit.values.slice(0, SHOWN), "values"),
    hit.same ? make("p", { className: "quiet" }, words.same(whole(hit.same))) : null,
    rest.length ? make("details", {}, make("summary", {}, words.more), described(rest, "values")) : null);
}

function drawOwn() {
  $("about").textContent = ["mmdata search", moment(report.created)].join(" · ");
  $("verdict").replaceChildren(
    make("span", {}, make("b", {}, whole(items.length)), language === "ko" ? "" : " ", words.found(whole(items.length))),
    ...(report.newer ? [make("span", { className: "warning" }, words.older(index.version, report.newer))] : []));
  const told = [[words.model, `${index.model} (${index.revision.slice(0, 19)})`], [words.among, words.pictures(whole(index.pictures), report.milliseconds.toLocaleString(language, { maximumFractionDigits: 1 }))]];
  $("asked").replaceChildren(...[
    asked.picture ? make("img", { src: asked.picture, alt: "" }) : null,
    make("div", {},
      asked.text ? make("q", { lang: "" }, asked.text) : null,
      described([...(asked.where ? [[words.where, make("code", {}, asked.where)]] : []), ...told], "")),
  ].filter(Boolean));
  document.querySelector(".tools").classList.toggle("few", items.length <= FEW);
}

begin();
