
const FACETS = ["verdict", "truth", "saidFacet"];
const VERDICTS = ["wrong", "unread", "unjudged", "right"], MARKS = { wrong: "X", unread: "X", unjudged: "–", right: "O" };
const MOST = 60; // Values of a facet; a page of more is no filter.
const WORDS = {
  en: {
    ...COMMON.en,
    toFindings: "Skip to the answers", findings: "Answers", verdict: "Judged", truth: "Truth", saidFacet: "Said", said: "said",
    wrong: "wrong", unread: "nothing could be read", unjudged: "not judged", right: "right", none: {},
    score: "score", value: "value", sure: "95 % interval", note: "note", of: (n, all) => `${n} of ${all} rows answered`, over: (n, all) => `over ${n} of ${all} rows`,
    errors: (n) => (n === 1 ? "error" : "errors"), warnings: (n) => (n === 1 ? "warning" : "warnings"),
    faults: "Faults of the predictions", noFaults: "none", origin: "Where this comes from", confusion: "Truth in rows, said in columns; % of each row, and rows",
    cell: (truth, said, n, all) => `${truth} → ${said}: ${n} of ${all}`, seconds: (s) => `${s} s`,
    corpus: "Corpus", version: "Release", build: "Build", view: "View", model: "Model", revision: "Revision", file: "Predictions", sha256: "SHA-256 of the file",
    latency: "Seconds an answer, median", metrics: "Metrics", settings: "Settings", mmdata: "mmdata", counts: "Rows",
    unlisted: (shown, all) => `${shown} of ${all} are listed here, wrong ones first.`, search: "Search in answers and ids  ( / )",
    count: (a, b, n, all) => (n === all ? `${a}–${b} of ${n} answers` : `${a}–${b} of ${n} answers (${all} without filters)`),
    nothing: "No answer matches these filters.", empty: "There are no answers.", sameRow: "All answers to this row",
    pictured: (n, of, mb) => `Pictures of ${n} of ${of} listed rows; about ${mb} MB.`,
  },
  ko: {
    ...COMMON.ko,
    toFindings: "답변 목록으로 건너뛰기", findings: "답변", verdict: "판정", truth: "정답", saidFacet: "예측", said: "예측",
    wrong: "틀림", unread: "읽을 수 없음", unjudged: "판정하지 않음", right: "맞음", none: {},
    score: "점수", value: "값", sure: "95 % 구간", note: "비고", of: (n, all) => `전체 ${all}행 가운데 ${n}행에 답함`, over: (n, all) => `${all}행 가운데 ${n}행`,
    errors: () => "오류", warnings: () => "경고",
    faults: "예측의 문제", noFaults: "없음", origin: "출처", confusion: "행은 정답, 열은 예측; 행마다의 %와 행 수",
    cell: (truth, said, n, all) => `${truth} → ${said}: ${all}건 중 ${n}건`, seconds: (s) => `${s}초`,
    corpus: "말뭉치", version: "릴리스", build: "빌드", view: "뷰", model: "모델", revision: "리비전", file: "예측 파일", sha256: "파일의 SHA-256",
    latency: "답변 시간 중앙값(초)", metrics: "지표", settings: "설정", mmdata: "mmdata", counts: "행",
    unlisted: (shown, all) => `전체 ${all}건 가운데 ${shown}건을 싣습니다. 틀린 것부터입니다.`, search: "답변과 ID 검색  ( / )",
    count: (a, b, n, all) => (n === all ? `${n}건 중 ${a}–${b}` : `${n}건 중 ${a}–${b} (필터 없이 ${all}건)`),
    nothing: "이 필터에 맞는 답변이 없습니다.", empty: "답변이 없습니다.", sameRow: "이 행의 답변 모두 보기",
    pictured: (n, of, mb) => `실린 ${of}개 행 가운데 ${n}개의 사진을 담았습니다. 약 ${mb} MB.`,
  },
};
const { measures, data, model } = report;
const items = report.outcomes.map((o) => ({
  ...o, facts: [o.verdict, o.truth, o.said], text: plain([o.id, o.truth, o.said, o.note, o.output ?? ""].join("\n")),
}));
const classes = measures.confusions.length ? measures.confusions[0] : { truth: [], said: [] };
const values = ordered([VERDICTS, classes.truth, classes.said]).map((some) => (some.length > MOST ? [] : some));

function listed(o) {
  const shown = o.output !== null && o.output !== o.said;
  return make("li", {},
    picture(o.id),
    make("div", {},
      make("p", { className: "facts" },
        make("b", { className: o.verdict, title: words[o.verdict] }, MARKS[o.verdict]),
        make("span", {}, `${words.truth} `, make("b", { className: "truth" }, o.truth)),
        make("span", {}, `${words.said} `, make("b", { className: "said" }, o.said)),
        o.seconds === null ? null : make("span", {}, words.seconds(decimals(o.seconds, 2)))),
      o.note && !(shown && o.output.includes(o.note)) ? make("p", { lang: "" }, o.note) : null,
      shown ? make("p", { className: "excerpt", lang: "" }, o.output) : null,
      idButton(o.id)));
}

const decimals = (n, digits = 3) => n.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
const figure = (n, measured) => (n === null ? "–" : measured ? decimals(n) : whole(n));
const partial = () => (report.counts.answered < report.counts.rows ? [whole(report.counts.answered), whole(report.counts.rows)] : null);
const share = (n) => n !== null && n >= 0 && n <= 1;
const piece = (className, left, width) => {
  const element = make("i", { className });
  Object.assign(element.style, { left: `${100 * left}%`, width });
  return element;
};
function scoreLine(s) {
  const sure = s.low !== null && s.high !== null;
  const drawn = [s.value, s.low ?? 0, s.high ?? 0].every(share);
  const track = make("span", { className: "track" },
    sure ? piece("", s.low, `${100 * (s.high - s.low)}%`) : null, piece("at", s.value ?? 0, "2px"));
  return make("tr", {}, make("th", { scope: "row" }, s.name),
    make("td", { className: "number" }, make("b", {}, s.value === null ? "–" : decimals(s.value))),
    make("td", { className: "number quiet" }, sure ? `${decimals(s.low)}–${decimals(s.high)}` : ""),
    make("td", { className: "track-cell" }, drawn ? track : ""),
    make("td", { className: "number" }, whole(s.n)),
    make("td", { className: "quiet" }, [partial() ? words.over(...partial()) : "", s.note].filter(Boolean).join("; ")));
}
function scoreTable() {
  const head = [[words.score, ""], [words.value, "number"], [words.sure, "number"], ["", "track-cell"], ["n", "number"], [words.note, ""]];
  return make("div", { className: "scroll" }, make("table", {},
    make("thead", {}, make("tr", {}, ...head.map(([name, className]) => (name ? make("th", { scope: "col", className }, name) : make("td", { className }))))),
    make("tbody", {}, ...measures.scores.map(scoreLine))));
}

const both = (truth, said) => change(() => {
  state.chosen.forEach((set) => set.clear());
  state.query = "";
  state.chosen[1].add(truth);
  state.chosen[2].add(said);
}, { jump: true });
function cell(truth, said, n, all) {
  const of = all ? n / all : 0, text = [all ? `${Math.round(100 * of)}` : "–", make("small", {}, whole(n))];
  const title = words.cell(truth, said, whole(n), whole(all));
  const filters = n && values[1].includes(truth) && values[2].includes(said);
  const td = make("td", { title, className: of > 0.55 ? "deep" : "" },
    filters ? make("button", { type: "button", ariaLabel: title, onclick: () => both(truth, said) }, ...text) : make("span", {}, ...text));
  td.style.backgroundColor = `color-mix(in srgb, var(${truth === said ? "--right" : "--error"}) ${Math.round(100 * of)}%, var(--wash))`;
  return td;
}
function confusion(c) {
  const head = make("tr", {}, make("td"), ...c.said.map((name) => make("th", { scope: "col" }, name)));
  const lines = c.truth.map((truth, k) => make("tr", {}, make("th", { scope: "row" }, truth),
    ...c.said.map((said, m) => cell(truth, said, c.counts[k][m], sum(c.counts[k])))));
  const made = chart(c.title, make("p", { className: "quiet" }, words.confusion),
    make("div", { className: "scroll" }, make("table", { className: "heat" }, make("thead", {}, head), make("tbody", {}, ...lines))));
  made.classList.add("wide");
  return made;
}
function table(t) {
  const numeric = t.columns.map((_, k) => t.rows.every((row) => typeof row[k] !== "string"));
  const shown = (value, k) => make("td", { className: numeric[k] ? "number" : "" }, typeof value === "string" ? value : figure(value, t.measured[k]));
  const head = make("tr", {}, ...t.columns.map((name, k) => make("th", { scope: "col", className: numeric[k] ? "number" : "" }, name)));
  const [body, more] = folded(t.rows.map((row) => make("tr", {}, ...row.map(shown))), make("tbody"));
  return chart(t.title, make("div", { className: "scroll" }, make("table", {}, make("thead", {}, head), body)), more ?? null,
    t.note ? make("p", { className: "quiet" }, t.note) : null);
}

function drawOwn() {
  const { counts } = report;
  $("about").textContent = ["mmdata evaluate", moment(report.created), model.name, data.split].join(" · ");
  const first = measures.scores[0];
  const counted = [["error", report.errors], ["warning", report.warnings]].filter(([, n]) => n);
  $("verdict").replaceChildren(
    ...(first ? [make("span", {}, make("b", {}, first.value === null ? "–" : decimals(first.value)), " ", first.name)] : []),
    make("span", { className: partial() ? "warning" : "" }, words.of(whole(counts.answered), whole(counts.rows))),
    ...counted.map(([level, n]) => make("button", { type: "button", className: level, onclick: () => { $("faults").open = true; $("faults").scrollIntoView(); } },
      make("b", {}, whole(n)), " ", words[level + "s"](n))));
  $("scores").replaceChildren(...(measures.scores.length ? [scoreTable()] : []));
  $("charts").replaceChildren(...measures.confusions.map(confusion), ...measures.tables.map(table));
  $("figures").replaceChildren(...measures.figures.map((f) => make("figure", {}, make("h3", {}, f.title), make("img", { src: `data:image/png;base64,${f.png}`, alt: f.title }))));
  $("notes").replaceChildren(...measures.notes.map((note) => make("li", {}, note)));
  $("faults-count").textContent = counted.length ? counted.map(([level, n]) => `${whole(n)} ${words[level + "s"](n)}`).join(", ") : words.noFaults;
  const faults = report.faults.map((f) => make("li", {}, make("b", { className: f.level }, f.check), " ", f.row_id ? make("span", { className: "quiet" }, f.row_id, " ") : "", f.message));
  $("faults-list").replaceChildren(...(faults.length ? folded(faults, make("ul")) : []));
  const settings = Object.entries(report.settings).map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(", ");
  const origin = {
    corpus: data.corpus, version: data.version, build: data.build, view: data.view, split: data.split, model: model.name, revision: model.revision,
    file: model.file, sha256: model.sha256, latency: model.seconds === null ? "" : decimals(model.seconds), metrics: report.metrics.join(", "), settings, mmdata: report.mmdata,
  };
  $("origin-list").replaceChildren(...Object.entries(origin).filter(([, value]) => value).flatMap(([key, value]) => [make("dt", {}, words[key]), make("dd", {}, value)]));
  $("unlisted").hidden = report.all <= items.length;
  $("unlisted").textContent = words.unlisted(whole(items.length), whole(report.all));
  $("findings").hidden = document.querySelector(".skip").hidden = items.length === 0;
}

begin();
