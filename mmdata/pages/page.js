// What all pages share: a list of items with filters, search and pages, two languages, a few charts. A page's own
// script comes after this one and declares WORDS, FACETS, items (each with its facts, one for each facet, and its
// text for the search), values (of each facet), listed(item), drawOwn(), and calls begin().
// Everything that comes from the data goes into the page as text, never as markup.
const read = (id) => JSON.parse($(id).textContent);
const report = read("report"), { rows: pictures, uris, wanted, licence } = read("thumbnails");
const PAGE = 50, FOLD = 10;
const COMMON = {
  en: {
    other: "한국어", otherName: "한국어로 보기", rows: "rows", total: "total", error: "error", warning: "warning",
    more: (n) => `Show all ${n}`, filters: "Filters", split: "Split", clear: "Clear all", remove: "Remove filter: ",
    previous: "Previous", next: "Next", page: (n, of) => `Page ${n} of ${of}`, noPicture: "no picture",
    contains: (l) => `This file contains pictures of the corpus${l ? `; licence: ${l}` : ""}. Pass it on only as that licence allows.`,
  },
  ko: {
    other: "English", otherName: "Show in English", rows: "행", total: "합계", error: "오류", warning: "경고",
    more: (n) => `${n}개 모두 보기`, filters: "필터", split: "분할", clear: "모두 해제", remove: "필터 해제: ",
    previous: "이전", next: "다음", page: (n, of) => `${of}쪽 중 ${n}쪽`, noPicture: "사진 없음",
    contains: (l) => `이 파일에는 말뭉치의 사진이 들어 있습니다${l ? ` (라이선스: ${l})` : ""}. 라이선스가 허락하는 대로만 나누세요.`,
  },
};
const plain = (text) => text.normalize("NFC").toLowerCase();
// The values that items have of each facet, the known ones first and in their order.
const ordered = (known) => known.map((some, k) => {
  const seen = new Set(items.map((item) => item.facts[k]));
  return [...new Set([...some, ...seen])].filter((v) => seen.has(v));
});

let language, words, state, matching;
const whole = (n) => n.toLocaleString(language);
const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
const named = (k, value) => (k === 0 ? words[value] : value || words.none[FACETS[k]] || value);

// The address: every filter, the search and the page are in its hash, so a link shows what its sender saw.
function fromAddress() {
  const hash = new URLSearchParams(location.hash.slice(1));
  language = WORDS[hash.get("lang")] ? hash.get("lang") : navigator.language.startsWith("ko") ? "ko" : "en";
  words = WORDS[language];
  state = {
    chosen: FACETS.map((name, k) => new Set(hash.getAll(name).filter((v) => values[k].includes(v)))),
    query: hash.get("q") ?? "", page: Math.max(1, parseInt(hash.get("page")) || 1), lang: hash.get("lang"),
  };
}
function toAddress(replace) {
  const hash = new URLSearchParams();
  FACETS.forEach((name, k) => state.chosen[k].forEach((v) => hash.append(name, v)));
  if (state.query) hash.set("q", state.query);
  if (state.page > 1) hash.set("page", state.page);
  if (state.lang) hash.set("lang", state.lang);
  history[replace ? "replaceState" : "pushState"](null, "", "#" + hash);
}

// One pass: a finding that only one facet refuses still counts in that facet's own numbers.
function match() {
  const asked = plain(state.query).split(/\s+/).filter(Boolean);
  const active = state.chosen.map((set) => set.size > 0);
  const counts = FACETS.map(() => new Map());
  const count = (item, k) => counts[k].set(item.facts[k], (counts[k].get(item.facts[k]) ?? 0) + 1);
  matching = [];
  for (const item of items) {
    if (!asked.every((word) => item.text.includes(word))) continue;
    const refusing = [];
    for (let k = 0; k < FACETS.length; k++) if (active[k] && !state.chosen[k].has(item.facts[k])) refusing.push(k);
    if (refusing.length === 0) { matching.push(item); FACETS.forEach((_, k) => count(item, k)); }
    else if (refusing.length === 1) count(item, refusing[0]);
  }
  return counts;
}

function change(edit, { replace = false, jump = false } = {}) {
  state.page = 1;
  edit();
  toAddress(replace);
  update();
  if (jump) { $("findings").scrollIntoView(); $("findings").focus({ preventScroll: true }); }
}
const toggle = (k, value) => change(() => state.chosen[k].delete(value) || state.chosen[k].add(value));
const only = (k, value) => change(() => { state.chosen.forEach((set) => set.clear()); state.query = ""; state.chosen[k].add(value); }, { jump: true });

function update() {
  const counts = match();
  for (const box of document.querySelectorAll("#facets input")) {
    const k = +box.dataset.k, n = counts[k].get(box.value) ?? 0;
    box.checked = state.chosen[k].has(box.value);
    box.parentElement.lastChild.textContent = whole(n);
    box.parentElement.classList.toggle("none", n === 0);
  }
  const last = Math.max(1, Math.ceil(matching.length / PAGE));
  state.page = Math.min(state.page, last);
  const from = (state.page - 1) * PAGE, shown = matching.slice(from, from + PAGE);
  $("list").replaceChildren(...(shown.length ? shown.map(listed) : [make("li", { className: "nothing quiet" }, items.length ? words.nothing : words.empty)]));
  $("count").textContent = shown.length ? words.count(whole(from + 1), whole(from + shown.length), whole(matching.length), whole(items.length)) : "";
  $("page").textContent = words.page(whole(state.page), whole(last));
  $("previous").disabled = state.page === 1;
  $("next").disabled = state.page === last;
  $("pages").hidden = last === 1;
  if ($("search").value !== state.query) $("search").value = state.query;
  const chips = state.chosen.flatMap((set, k) => [...set].map((v) =>
    make("button", { type: "button", ariaLabel: words.remove + named(k, v), onclick: () => toggle(k, v) }, `${words[FACETS[k]]}: ${named(k, v)} ×`)));
  if (chips.length || state.query)
    chips.push(make("button", { type: "button", onclick: () => change(() => { state.query = ""; state.chosen.forEach((set) => set.clear()); }) }, words.clear));
  $("chosen").replaceChildren(...chips);
}

const picture = (id) => {
  const uri = uris[pictures[id]];
  return uri ? make("img", { className: "picture", src: uri, alt: "", loading: "lazy", decoding: "async" })
    : make("span", { className: "picture" }, id ? words.noPicture : "—");
};
// A click on a row's id shows all that is listed of it.
const idButton = (id) => make("button", { type: "button", className: "id", title: words.sameRow,
  onclick: () => change(() => { state.chosen.forEach((set) => set.clear()); state.query = id; }, { jump: true }) }, id);
const moment = (text) => {
  const date = new Date(text);
  return isNaN(date) ? text : date.toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
};

// Charts: bars of CSS, every number written beside its bar.
const bar = (parts, most) => make("span", { className: "bar" }, ...parts.filter(([n]) => n).map(([n, kind]) => {
  const piece = make("i", { className: kind });
  piece.style.width = `${(100 * n) / most}%`;
  return piece;
}));
function line(name, parts, most, go) {
  const n = sum(parts.map(([part]) => part));
  const cells = [make("span", {}, name), bar(parts, most), make("span", { className: "number" }, whole(n))];
  return make("li", {}, go ? make("button", { type: "button", className: "row", onclick: go }, ...cells) : make("div", { className: "row" }, ...cells));
}
function folded(lines, parent) {
  parent.append(...lines.slice(0, FOLD));
  if (lines.length <= FOLD) return [parent];
  const more = make("button", { type: "button", className: "more", onclick: () => { parent.append(...lines.slice(FOLD)); more.remove(); } }, words.more(whole(lines.length)));
  return [parent, more];
}
const chart = (title, ...content) => make("div", { className: "chart" }, make("h3", {}, title), ...content);

// Drawn once for a language; what filters change is in update().
function draw() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-say]")) element.textContent = words[element.dataset.say];
  Object.assign($("language"), { textContent: words.other, ariaLabel: words.otherName });
  Object.assign($("search"), { placeholder: words.search, ariaLabel: words.search });
  drawOwn();
  $("facets").replaceChildren(...FACETS.flatMap((name, k) => (values[k].length < 2 ? [] : [make("fieldset", {},
    make("legend", {}, words[name]), make("div", { className: "facet" }, ...values[k].map((value) => {
      const box = make("input", { type: "checkbox", value, onchange: () => toggle(k, value) });
      box.dataset.k = k;
      return make("label", {}, box, make("span", {}, named(k, value)), make("span", { className: "number" }));
    })))])));
  const mb = Math.max(0.1, $("foot").dataset.bytes / 1e6).toLocaleString(language, { maximumFractionDigits: 1 });
  $("foot").replaceChildren(...(wanted ? [words.pictured(whole(Object.keys(pictures).length), whole(wanted), mb), " "] : []), ...(uris.length ? [words.contains(licence)] : []));
  update();
}

let typing;
$("search").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => change(() => { state.query = $("search").value; }, { replace: true }), 80);
});
const turn = (by) => { const page = state.page + by; change(() => { state.page = page; }, { jump: true }); };
$("previous").addEventListener("click", () => turn(-1));
$("next").addEventListener("click", () => turn(1));
$("language").addEventListener("click", () => {
  state.lang = language = language === "ko" ? "en" : "ko";
  words = WORDS[language];
  toAddress(true);
  draw();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.ctrlKey && !event.metaKey && !/^(INPUT|TEXTAREA)$/.test(event.target.tagName)) {
    event.preventDefault();
    $("search").focus();
  }
});
// On a narrow screen the filters fold away; on a wide one they are always there.
const narrow = matchMedia("(max-width: 52rem)");
const unfold = () => { $("filters").open = !narrow.matches; };
narrow.addEventListener("change", unfold);
addEventListener("popstate", () => {
  const before = language;
  fromAddress();
  language === before ? update() : draw();
});
function begin() {
  unfold();
  fromAddress();
  draw();
}
