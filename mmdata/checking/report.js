
const FACETS = ["level", "check", "class", "split", "prompt"];
const WORDS = {
  en: {
    ...COMMON.en,
    toFindings: "Skip to the findings", made: "made",
    errors: (n) => (n === 1 ? "error" : "errors"), warnings: (n) => (n === 1 ? "warning" : "warnings"),
    clean: "No faults found", byCheck: "Faults by check", byClass: "Faults by class", byClassListed: "Faults by class (of those listed)",
    counts: "Rows by class and split", answers: "Answers by status", noFaults: "None.",
    checks: "Checks that ran", ran: (n, some) => `${n} ran, ${some} could not judge everything`,
    judged: "judged", found: "found", couldNot: "Could not judge: ", findings: "Findings",
    unlisted: (shown, all) => `${shown} of ${all} are listed here: the first of each check.`,
    level: "Level", check: "Check", class: "Class", prompt: "Prompt",
    none: { class: "(no class)", split: "(no split)", prompt: "(the row itself)" },
    search: "Search in texts, messages and ids  ( / )",
    count: (a, b, n, all) => (n === all ? `${a}–${b} of ${n} findings` : `${a}–${b} of ${n} findings (${all} without filters)`),
    nothing: "No finding matches these filters.", empty: "There are no findings.",
    sameRow: "All findings of this row",
    pictured: (n, of, mb) => `Pictures of ${n} of ${of} rows with findings; about ${mb} MB.`,
  },
  ko: {
    ...COMMON.ko,
    toFindings: "발견 목록으로 건너뛰기", made: "작성",
    errors: () => "오류", warnings: () => "경고",
    clean: "문제를 찾지 못했습니다", byCheck: "검사별 문제", byClass: "클래스별 문제", byClassListed: "클래스별 문제 (목록에 실린 것)",
    counts: "클래스와 분할별 행 수", answers: "상태별 답변", noFaults: "없습니다.",
    checks: "실행한 검사", ran: (n, some) => `${n}개 실행, ${some}개는 일부를 판단하지 못함`,
    judged: "판단", found: "발견", couldNot: "판단하지 못함: ", findings: "발견한 문제",
    unlisted: (shown, all) => `전체 ${all}건 가운데 ${shown}건을 싣습니다. 검사마다 앞의 것부터입니다.`,
    level: "심각도", check: "검사", class: "클래스", prompt: "프롬프트",
    none: { class: "(클래스 없음)", split: "(분할 없음)", prompt: "(행 자체)" },
    search: "본문, 메시지, ID 검색  ( / )",
    count: (a, b, n, all) => (n === all ? `${n}건 중 ${a}–${b}` : `${n}건 중 ${a}–${b} (필터 없이 ${all}건)`),
    nothing: "이 필터에 맞는 문제가 없습니다.", empty: "발견한 문제가 없습니다.",
    sameRow: "이 행의 문제 모두 보기",
    pictured: (n, of, mb) => `문제가 있는 ${of}개 행 가운데 ${n}개의 사진을 담았습니다. 약 ${mb} MB.`,
  },
};
const facts = (f) => [f.level, f.check, f.cls, f.split, f.prompt];
const items = report.faults.map((f) => ({
  ...f, facts: facts(f), text: plain([f.message, f.excerpt.replace(/[«»]/g, ""), f.row_id, ...facts(f)].join("\n")),
}));
const classes = Object.values(report.classes)[0] ?? {};
const values = ordered([["error", "warning"], report.checks.map((c) => c.name), Object.keys(classes), Object.values(classes).flatMap(Object.keys), Object.keys(report.answers)]);

function listed(f) {
  const excerpt = f.excerpt.split(/«([^«»]*)»/).map((part, n) => (n % 2 ? make("mark", {}, part) : part));
  return make("li", {},
    picture(f.row_id),
    make("div", {},
      make("p", { className: "facts" },
        make("b", { className: f.level }, words[f.level]), make("b", { className: "check" }, f.check),
        ...[f.cls, f.split, f.prompt].filter(Boolean).map((fact) => make("span", {}, fact))),
      make("p", { lang: "" }, f.message),
      f.excerpt ? make("p", { className: "excerpt", lang: "" }, ...excerpt) : null,
      f.row_id ? idButton(f.row_id) : null));
}

function byCheck() {
  const checks = report.checks.filter((c) => c.found).sort((a, b) => b.found - a.found);
  const lines = checks.map((c) => line(c.name, [[c.found, c.level]], checks[0].found, values[1].includes(c.name) ? () => only(1, c.name) : null));
  return chart(words.byCheck, ...(lines.length ? folded(lines, make("ul")) : [words.noFaults]));
}
function byClass() {
  const counted = values[2].filter(Boolean).map((value) => {
    const of = items.filter((f) => f.cls === value), errors = of.filter((f) => f.level === "error").length;
    return { value, errors, all: of.length };
  }).sort((a, b) => b.all - a.all);
  const lines = counted.map((c) => line(c.value, [[c.errors, "error"], [c.all - c.errors, "warning"]], counted[0].all, () => only(2, c.value)));
  const title = sum(report.checks.map((c) => c.found)) > items.length ? words.byClassListed : words.byClass;
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

function drawOwn() {
  const rows = sum(Object.values(classes).flatMap(Object.values));
  $("about").textContent = ["mmdata check", moment(report.created), rows ? `${whole(rows)} ${words.rows}` : ""].filter(Boolean).join(" · ");
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
  $("unlisted").hidden = all <= items.length;
  $("unlisted").textContent = words.unlisted(whole(items.length), whole(all));
}

begin();
