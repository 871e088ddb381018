
"use strict";
// Everything that comes from the data goes into the page as text, never as markup.
const read = (id) => JSON.parse(document.getElementById(id).textContent);
const report = read("report"), { rows: pictures, uris, wanted, licence } = read("thumbnails");
const $ = (id) => document.getElementById(id);
const PAGE = 50, FOLD = 10, FACETS = ["level", "check", "class", "split", "prompt"];
const WORDS = {
  en: {
    other: "한국어", otherName: "한국어로 보기", toFindings: "Skip to the findings", made: "made", rows: "rows",
    error: "error", warning: "warning", errors: (n) => (n === 1 ? "error" : "errors"), warnings: (n) => (n === 1 ? "warning" : "warnings"),
    clean: "No faults found", byCheck: "Faults by check", byClass: "Faults by class", byClassListed: "Faults by class (of those listed)",
    counts: "Rows by class and split", total: "total", answers: "Answers by status", noFaults: "None.",
    more: (n) => `Show all ${n}`, checks: "Checks that ran", ran: (n, some) => `${n} ran, ${some} could not judge everything`,
    judged: "judged", found: "found", couldNot: "Could not judge: ", findings: "Findings",
    unlisted: (shown, all) => `${shown} of ${all} are listed here: the first of each check.`,
    filters: "Filters", level: "Level", check: "Check", class: "Class", split: "Split", prompt: "Prompt",
    none: { class: "(no class)", split: "(no split)", prompt: "(the row itself)" },
    search: "Search in texts, messages and ids  ( / )", clear: "Clear all", remove: "Remove filter: ",
    count: (a, b, n, all) => (n === all ? `${a}–${b} of ${n} findings` : `${a}–${b} of ${n} findings (${all} without filters)`),
    nothing: "No finding matches these filters.", empty: "There are no findings.", previous: "Previous", next: "Next",
    page: (n, of) => `Page ${n} of ${of}`, noPicture: "no picture", sameRow: "All findings of this row",
    contains: (l) => `This file contains pictures of the corpus${l ? `; licence: ${l}` : ""}. Pass it on only as that licence allows.`,
    pictured: (n, of, mb) => `Pictures of ${n} of ${of} rows with findings; about ${mb} MB.`,
  },
  ko: {
    other: "English", otherName: "Show in English", toFindings: "발견 목록으로 건너뛰기", made: "작성", rows: "행",
    error: "오류", warning: "경고", errors: () => "오류", warnings: () => "경고",
    clean: "문제를 찾지 못했습니다", byCheck: "검사별 문제", byClass: "클래스별 문제", byClassListed: "클래스별 문제 (목록에 실린 것)",
    counts: "클래스와 분할별 행 수", total: "합계", answers: "상태별 답변", noFaults: "없습니다.",
    more: (n) => `${n}개 모두 보기`, checks: "실행한 검사", ran: (n, some) => `${n}개 실행, ${some}개는 일부를 판단하지 못함`,
    judged: "판단", found: "발견", couldNot: "판단하지 못함: ", findings: "발견한 문제",
    unlisted: (shown, all) => `전체 ${all}건 가운데 ${shown}건을 싣습니다. 검사마다 앞의 것부터입니다.`,
    filters: "필터", level: "심각도", check: "검사", class: "클래스", split: "분할", prompt: "프롬프트",
    none: { class: "(클래스 없음)", split: "(분할 없음)", prompt: "(행 자체)" },
    search: "본문, 메시지, ID 검색  ( / )", clear: "모두 해제", remove: "필터 해제: ",
    count: (a, b, n, all) => (n === all ? `${n}건 중 ${a}–${b}` : `${n}건 중 ${a}–${b} (필터 없이 ${all}건)`),
    nothing: "이 필터에 맞는 문제가 없습니다.", empty: "발견한 문제가 없습니다.", previous: "이전", next: "다음",
    page: (n, of) => `${of}쪽 중 ${n}쪽`, noPicture: "사진 없음", sameRow: "이 행의 문제 모두 보기",
    contains: (l) => `이 파일에는 말뭉치의 사진이 들어 있습니다${l ? ` (라이선스: ${l})` : ""}. 라이선스가 허락하는 대로만 나누세요.`,
    pictured: (n, of, mb) => `문제가 있는 ${of}개 행 가운데 ${n}개의 사진을 담았습니다. 약 ${mb} MB.`,
  },
};
const facts = (f) => [f.level, f.check, f.cls, f.split, f.prompt];
const plain = (text) => text.normalize("NFC").toLowerCase();
const faults = report.faults.map((f) => ({
  ...f, facts: facts(f), text: plain([f.message, f.excerpt.replace(/[«»]/g, ""), f.row_id, ...facts(f)].join("\n")),
}));
// The values each facet can take, in the report's own order, each with its place for counting.
const classes = Object.values(report.classes)[0] ?? {};
const values = FACETS.map((_, k) => {
  const known = [["error", "warning"], report.checks.map((c) => c.name), Object.keys(classes), Object.values(classes).flatMap(Object.keys), Object.keys(report.answers)][k];
  const seen = new Set(faults.map((f) => f.facts[k]));
  return [...new Set([...known, ...seen])].filter((v) => seen.has(v));
});

let language, words, state, matching;
const whole = (n) => n.toLocaleString(language);
const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
const named = (k, value) => (k === 0 ? words[value] : value || words.none[FACETS[k]] || value);

function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties))
    name in element ? (element[name] = value) : element.setAttribute(name, value);
  element.append(...children.filter((c) => c !== null));
  return element;
}

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
  const count = (f, k) => counts[k].set(f.facts[k], (counts[k].get(f.facts[k]) ?? 0) + 1);
  matching = [];
  for (const f of faults) {
    if (!asked.every((word) => f.text.includes(word))) continue;
    const refusing = [];
    for (let k = 0; k < FACETS.length; k++) if (active[k] && !state.chosen[k].has(f.facts[k])) refusing.push(k);
    if (refusing.length === 0) { matching.push(f); FACETS.forEach((_, k) => count(f, k)); }
    else if (refusing.length === 1) count(f, refusing[0]);
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
  $("list").replaceChildren(...(shown.length ? shown.map(finding) : [make("li", { className: "nothing quiet" }, faults.length ? words.nothing : words.empty)]));
  $("count").textContent = shown.length ? words.count(whole(from + 1), whole(from + shown.length), whole(matching.length), whole(faults.length)) : "";
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

function finding(f) {
  const uri = uris[pictures[f.row_id]];
  const excerpt = f.excerpt.split(/«([^«»]*)»/).map((part, n) => (n % 2 ? make("mark", {}, part) : part));
  return make("li", {},
    uri ? make("img", { className: "picture", src: uri, alt: "", loading: "lazy", decoding: "async" })
      : make("span", { className: "picture" }, f.row_id ? words.noPicture : "—"),
    make("div", {},
      make("p", { className: "facts" },
        make("b", { className: f.level }, words[f.level]), make("b", { className: "check" }, f.check),
        ...[f.cls, f.split, f.prompt].filter(Boolean).map((fact) => make("span", {}, fact))),
      make("p", { lang: "" }, f.message),
      f.excerpt ? make("p", { className: "excerpt", lang: "" }, ...excerpt) : null,
      f.row_id ? make("button", { type: "button", className: "id", title: words.sameRow,
        onclick: () => change(() => { state.chosen.forEach((set) => set.clear()); state.query = f.row_id; }, { jump: true }) }, f.row_id) : null));
}

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

function byCheck() {
  const checks = report.checks.filter((c) => c.found).sort((a, b) => b.found - a.found);
  const lines = checks.map((c) => line(c.name, [[c.found, c.level]], checks[0].found, values[1].includes(c.name) ? () => only(1, c.name) : null));
  return chart(words.byCheck, ...(lines.length ? folded(lines, make("ul")) : [words.noFaults]));
}
function byClass() {
  const counted = values[2].filter(Boolean).map((value) => {
    const of = faults.filter((f) => f.cls === value), errors = of.filter((f) => f.level === "error").length;
    return { value, errors, all: of.length };
  }).sort((a, b) => b.all - a.all);
  const lines = counted.map((c) => line(c.value, [[c.errors, "error"], [c.all - c.errors, "warning"]], counted[0].all, () => only(2, c.value)));
  const title = sum(report.checks.map((c) => c.found)) > faults.length ? words.byClassListed : words.byClass;
  return chart(title, ...(lines.length ? folded(lines, make("ul")) : [words.noFaults]));
}
function byStatus() {
  return chart(words.answers, ...Object.entries(report.answers).flatMap(([prompt, statuses]) => {
    const entries = Object.entries(statuses).filter(([, n]) => n), most = sum(entries.map(([, n]) => n));
    return [make("h4", {}, prompt), make("ul", {}, ...entries.map(([status, n]) => line(status, [[n, status === "ok" ? "" : "warning"]], most, null)))];
  }));
}
function bySplit(field, counted) {
  const splits = [...new Set(Object.values(counted).flatMap(Object.keys))];
  const most = Math.max(1, ...Object.values(counted).flatMap(Object.values));
  const number = (n, drawn) => make("td", { className: "number" }, whole(n), drawn ? bar([[n, ""]], most) : "");
  const lines = Object.entries(counted).map(([name, of]) => make("tr", {}, make("th", { scope: "row" }, name),
    ...splits.map((s) => number(of[s] ?? 0, true)), number(sum(Object.values(of)), false)));
  const totals = make("tr", {}, make("th", { scope: "row", className: "quiet" }, words.total),
    ...splits.map((s) => number(sum(Object.values(counted).map((of) => of[s] ?? 0)), false)),
    number(sum(Object.values(counted).flatMap(Object.values)), false));
  const head = make("tr", {}, make("td"), ...[...splits, words.total].map((s) => make("th", { scope: "col", className: "number" }, s)));
  const [body, more] = folded(lines, make("tbody"));
  return chart(`${words.counts}: ${field}`, make("div", { className: "scroll" }, make("table", {}, make("thead", {}, head), body, make("tfoot", {}, totals))), more ?? null);
}

function checkLine(c) {
  return make("li", {}, make("span", {}, c.name, " ", make("span", { className: c.level }, words[c.level])),
    make("span", {}, `${words.judged} ${whole(c.judged)}`), make("span", { className: c.found ? c.level : "" }, `${words.found} ${whole(c.found)}`),
    make("span", {}, c.doc, c.could_not ? make("span", { className: "could-not" }, words.couldNot, c.could_not) : null));
}

// Drawn once for a language; what filters change is in update().
function draw() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-say]")) element.textContent = words[element.dataset.say];
  Object.assign($("language"), { textContent: words.other, ariaLabel: words.otherName });
  Object.assign($("search"), { placeholder: words.search, ariaLabel: words.search });
  const created = new Date(report.created);
  const date = isNaN(created) ? report.created : created.toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
  const rows = sum(Object.values(classes).flatMap(Object.values));
  $("about").textContent = ["mmdata check", date, rows ? `${whole(rows)} ${words.rows}` : ""].filter(Boolean).join(" · ");
  const counted = ["error", "warning"].map((level) => [level, sum(report.checks.filter((c) => c.level === level).map((c) => c.found))]);
  $("verdict").replaceChildren(...(counted.every(([, n]) => n === 0) ? [words.clean]
    : counted.map(([level, n]) => make("button", { type: "button", className: level, disabled: !values[0].includes(level), onclick: () => only(0, level) },
      make("b", {}, whole(n)), " ", words[level + "s"](n)))));
  $("charts").replaceChildren(byCheck(), byClass(),
    ...Object.entries(report.classes).map(([field, counted]) => bySplit(field, counted)),
    ...(Object.keys(report.answers).length ? [byStatus()] : []));
  $("checks-count").textContent = words.ran(whole(report.checks.length), whole(report.checks.filter((c) => c.could_not).length));
  $("checks-list").replaceChildren(...report.checks.map(checkLine));
  const all = sum(report.checks.map((c) => c.found));
  $("unlisted").hidden = all <= faults.length;
  $("unlisted").textContent = words.unlisted(whole(faults.length), whole(all));
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
unfold();
fromAddress();
draw();
