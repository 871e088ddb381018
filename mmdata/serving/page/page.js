// Everything that comes from the service goes into the page as text, never as markup.
const FEW = 12, MANY = 60;
const WORDS = {
  en: {
    other: "한국어", otherName: "한국어로 보기", toResults: "Skip to what is found", key: "Key of this service",
    drop: "Drop a picture here, or choose one", dropped: "Another picture", words: "Or say it in words",
    where: "Only where …", columns: "What can be asked for", wishes: "What you wish for", find: "Find", recommend: "Recommend",
    advice: "Recommended", near: "Nearest", more: "Show more", any: "any", all: "All values", from: "Search from",
    about: (f) => `${f.version} · ${whole(f.pictures)} pictures · ${f.model}`,
    count: (n, ms) => `${whole(n)} pictures, ${ms} ms`, same: (n) => `and ${whole(n)} with this picture`, busy: "Looking …", asking: "Asking the model …",
    nothing: "Nothing passes that filter.", needed: "Choose a picture first.", noPicture: "no picture", noGroups: "Nothing to recommend.",
    tooLarge: (mb) => `The picture is larger than ${mb} MB.`, notPicture: "That is no picture.", gone: "The service does not answer. Is it running?",
    locked: "This service wants a key.", yes: "yes", no: "no", bad: (status) => `The service answers with ${status}.`,
    kinds: { text: "text", whole: "whole number", real: "number", flag: "true or false", texts: "list of texts", other: "is null only" },
  },
  ko: {
    other: "English", otherName: "Show in English", toResults: "찾은 것으로 건너뛰기", key: "이 서비스의 키",
    drop: "사진을 여기에 놓거나 고르세요", dropped: "다른 사진", words: "또는 말로 찾기",
    where: "조건", columns: "쓸 수 있는 항목", wishes: "원하는 것", find: "찾기", recommend: "추천받기",
    advice: "추천", near: "비슷한 것", more: "더 보기", any: "상관없음", all: "모든 값", from: "이 사진으로 찾기:",
    about: (f) => `${f.version} · 사진 ${whole(f.pictures)}장 · ${f.model}`,
    count: (n, ms) => `사진 ${whole(n)}장, ${ms} ms`, same: (n) => `같은 사진 ${whole(n)}개 더`, busy: "찾는 중 …", asking: "모델에게 묻는 중 …",
    nothing: "조건에 맞는 것이 없습니다.", needed: "먼저 사진을 고르세요.", noPicture: "사진 없음", noGroups: "추천할 것이 없습니다.",
    tooLarge: (mb) => `사진이 ${mb} MB보다 큽니다.`, notPicture: "사진이 아닙니다.", gone: "서비스가 답하지 않습니다. 켜져 있나요?",
    locked: "이 서비스는 키가 있어야 합니다.", yes: "예", no: "아니요", bad: (status) => `서비스의 답: ${status}.`,
    kinds: { text: "글", whole: "정수", real: "수", flag: "true/false", texts: "글 목록", other: "is null만" },
  },
};
let language = navigator.language.startsWith("ko") ? "ko" : "en", words = WORDS[language];
let service = null, asked = null, k = FEW, found = null, suggestion = null, running = null, saying = null;
const whole = (n) => n.toLocaleString(language);

// Asking the service. A fault is thrown with the sentence that the service says.
class Fault extends Error {}
const headers = () => ($("key").value ? { Authorization: `Bearer ${$("key").value}` } : {});
async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: headers() });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Fault(words.gone);
  }
  if (answer.ok) return answer;
  if (answer.status === 401) {
    const wrong = $("key").value !== "";
    $("locked").hidden = false;
    $("key").focus();
    if (!wrong) throw new Fault(words.locked);
  }
  const said = await answer.json().catch(() => ({}));
  throw new Fault(said.detail ?? words.bad(answer.status));
}

function tell(what, kind = "") {
  saying = what ? () => (typeof what === "function" ? what() : what) : null;
  Object.assign($("said"), { textContent: saying ? saying() : "", className: kind });
}
function busy(on) {
  $("results").setAttribute("aria-busy", on);
  $("find").disabled = $("recommend").disabled = on;
}

// Does something that asks, one at a time: what was asked before it is no longer waited for.
async function doing(message, work) {
  running?.abort();
  const mine = (running = new AbortController());
  busy(true);
  tell(message);
  try {
    await work(mine.signal);
    if (running === mine) tell(found?.hits.length === 0 ? () => words.nothing : "");
  } catch (error) {
    if (error.name === "AbortError") return;
    if (!(error instanceof Fault)) throw error;
    if (running === mine) tell(error.message, "error");
  } finally {
    if (running === mine) busy(false);
  }
}

function form(more = {}) {
  const data = new FormData();
  for (const [name, value] of Object.entries({ ...asked, where: $("where").value.trim(), ...more }))
    if (value !== "") data.append(name, value);
  return data;
}
async function search(signal) {
  found = await (await ask("search", { method: "POST", body: form({ k }), signal })).json();
  drawFound();
}
const find = () => {
  const text = $("text").value.trim();
  if (text || asked?.text) asked = text ? { text } : null;
  if (!asked) return tell(() => words.needed, "error");
  suggestion = null;
  drawSuggestion();
  return doing(() => words.busy, async (signal) => {
    await search(signal);
    toResults();
  });
};
const recommend = () => {
  if (!asked || asked.text) return tell(() => words.needed, "error");
  return doing(() => words.asking, async (signal) => {
    await search(signal);
    suggestion = await (await ask("recommend", { method: "POST", body: form({ wish: JSON.stringify(wish()) }), signal })).json();
    drawSuggestion();
    toResults();
  });
};

// On a narrow screen they are below the form.
const narrow = matchMedia("(max-width: 52rem)");
const toResults = () => (narrow.matches ? $("results").scrollIntoView() : scrollTo({ top: 0 }));

// What is searched for.
function show(source) {
  if ($("shown").src.startsWith("blob:") && source !== $("shown").src) URL.revokeObjectURL($("shown").src);
  $("shown").hidden = !source;
  source ? ($("shown").src = source) : $("shown").removeAttribute("src");
  $("dropped").textContent = source ? words.dropped : words.drop;
}
function take(file) {
  if (!file) return;
  if (file.type && !/^image\/(jpeg|png|webp)$/.test(file.type)) return tell(() => words.notPicture, "error");
  if (service && file.size > service.max_mb * 1e6) return tell(() => words.tooLarge(service.max_mb), "error");
  asked = { image: file };
  $("text").value = "";
  k = FEW;
  show(URL.createObjectURL(file));
  find();
}
function takeHit(hit) {
  asked = { picture: hit.picture };
  $("text").value = $("image").value = "";
  k = FEW;
  source(hit.picture).then(show, () => show(""));
  find();
}

// Pictures: an <img> cannot send a key, so with one they are fetched.
async function source(picture) {
  const path = `pictures/${picture}`;
  return $("key").value ? URL.createObjectURL(await (await ask(path)).blob()) : path;
}
function thumbnail(hit) {
  const image = make("img", { alt: "", loading: "lazy", decoding: "async" });
  const missing = () => image.replaceWith(make("span", { className: "missing" }, words.noPicture));
  image.addEventListener("error", missing);
  source(hit.picture).then((url) => { image.src = url; }, missing);
  if ($("key").value) image.addEventListener("load", () => URL.revokeObjectURL(image.src));
  return image;
}

// An entry's values: its name, short texts in a line, its first number, and all of them below.
const shown = (value) => Array.isArray(value) && value.every((one) => typeof one === "string") ? value.join(", ")
  : typeof value === "number" ? whole(value) : typeof value === "boolean" ? (value ? words.yes : words.no)
  : typeof value === "string" ? value : JSON.stringify(value, null, 1);
const empty = (value) => value === null || value === "" || (Array.isArray(value) && !value.length);
function values(hit) {
  const there = service.index.columns.filter(({ name }) => !empty(hit.row[name] ?? null));
  const short = there.filter(({ name, kind }) => kind !== "other" && name !== "split" && !/^(https?|s3):/.test(hit.row[name]) && shown(hit.row[name]).length < 60);
  const title = short.find(({ name, kind }) => kind === "text" && /name|title|이름|제목/.test(name)) ?? short.find(({ kind }) => kind === "text");
  const rest = short.filter((column) => column !== title);
  const texts = rest.flatMap(({ name, kind }) => kind === "flag" ? (hit.row[name] ? [name] : []) : kind === "text" || kind === "texts" ? [shown(hit.row[name])] : []);
  const number = rest.find(({ kind }) => kind === "whole" || kind === "real");
  return { title: title ? hit.row[title.name] : hit.id, texts: [...new Set(texts)], number, there };
}
function drawn(hit, most = 5) {
  const { title, texts, number, there } = values(hit);
  const score = hit.score.toLocaleString(language, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  return make("li", {},
    make("button", { type: "button", className: "hit", ariaLabel: `${words.from} ${title}, ${score}`, onclick: () => takeHit(hit) }, thumbnail(hit), make("span", { className: "score" }, score)),
    make("b", {}, title), make("p", { className: "quiet" }, texts.slice(0, most).join(" · ")),
    number ? make("p", { className: "quiet" }, `${number.name} ${shown(hit.row[number.name])}`) : null,
    hit.same ? make("p", { className: "quiet" }, words.same(hit.same)) : null,
    make("details", {}, make("summary", {}, words.all), make("dl", {}, make("dt", {}, "id"), make("dd", {}, hit.id),
      ...there.flatMap(({ name }) => [make("dt", {}, name), make("dd", {}, shown(hit.row[name]))]))));
}
function drawFound() {
  $("near").hidden = !found?.hits.length;
  if (!found) return;
  $("hits").replaceChildren(...found.hits.map((hit) => drawn(hit)));
  $("count").textContent = words.count(found.hits.length, found.milliseconds.toLocaleString(language, { maximumFractionDigits: 1 }));
  $("more").hidden = k >= MANY || found.hits.length < k;
}
function drawSuggestion() {
  $("advice").hidden = !suggestion;
  if (!suggestion) return;
  $("answer").textContent = suggestion.answer || (suggestion.groups.length ? "" : words.noGroups);
  $("notes").replaceChildren(...suggestion.notes.map((note) => make("li", {}, note)));
  $("groups").replaceChildren(...suggestion.groups.map((group) => make("section", { className: "group" },
    make("h3", {}, group.title), group.note ? make("p", { className: "quiet" }, group.note) : null,
    make("ol", { className: "hits" }, ...group.hits.map((hit) => drawn(hit, 1))))));
}

// Drawn once for a language, and when what is served becomes known.
function draw() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-say]")) element.textContent = words[element.dataset.say];
  Object.assign($("language"), { textContent: words.other, ariaLabel: words.otherName });
  $("dropped").textContent = asked && !asked.text ? words.dropped : words.drop;
  if (saying) $("said").textContent = saying();
  if (service) {
    const facts = service.index;
    document.title = $("title").textContent = facts.corpus;
    $("about").textContent = words.about(facts);
    $("spoken").hidden = !service.words;
    $("columns").replaceChildren(...facts.columns.map(({ name, kind }) => make("li", {}, `${name}: ${words.kinds[kind]}`)));
    const number = facts.columns.find(({ kind }) => kind === "whole" || kind === "real"), text = facts.columns.find(({ kind }) => kind === "text");
    $("where").placeholder = number ? `${number.name} < 50000` : text ? `${text.name} = '…'` : "id = '…'";
    $("recommend").hidden = $("wishes").hidden = !service.wish;
    if (service.wish) drawWish();
  }
  drawFound();
  drawSuggestion();
}
const begin = () => doing("", async (signal) => {
  service = await (await ask("facts", { signal })).json();
  $("locked").hidden = true;
  sessionStorage.setItem("key", $("key").value);
  draw();
});

$("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!service) await begin();
  else if (event.submitter || document.activeElement.tagName !== "BUTTON") { k = FEW; find(); }
});
$("recommend").addEventListener("click", () => { k = FEW; recommend(); });
$("more").addEventListener("click", () => { k = MANY; doing(() => words.busy, search); });
$("image").addEventListener("change", () => take($("image").files[0]));
$("text").addEventListener("input", () => { if ($("text").value) { asked = null; show(""); } });
for (const kind of ["dragover", "dragleave", "drop"])
  $("drop").addEventListener(kind, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", kind === "dragover");
    if (kind === "drop") take(event.dataTransfer.files[0]);
  });
addEventListener("paste", (event) => take([...event.clipboardData.files][0]));
$("language").addEventListener("click", () => {
  language = language === "ko" ? "en" : "ko";
  words = WORDS[language];
  draw();
});
$("shown").addEventListener("error", () => { if ($("shown").src) show(""); });
$("wishes").open = !narrow.matches;
$("key").value = sessionStorage.getItem("key") ?? "";
draw();
begin();
