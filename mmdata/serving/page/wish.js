"use strict";
// The form of a wish, made of its JSON schema: a title, or "x-ko" of a field for Korean, names it.
function resolved(schema) {
  const { $ref, anyOf, allOf, ...own } = schema;
  if ($ref) return resolved({ ...service.wish.$defs[$ref.split("/").pop()], ...own });
  const kinds = (anyOf ?? allOf ?? []).filter(({ type }) => type !== "null");
  return kinds.length === 1 ? resolved({ ...kinds[0], ...own }) : "const" in own ? { ...own, enum: [own.const] } : own;
}
const option = (value) => make("option", { value: JSON.stringify(value) }, String(value));
function input(id, schema) {
  const preset = schema.default ?? "";
  if (schema.enum) {
    const select = make("select", { id }, make("option", { value: "" }, words.any), ...schema.enum.map(option));
    select.value = preset === "" ? "" : JSON.stringify(preset);
    return select;
  }
  if (schema.type === "boolean") return make("input", { id, type: "checkbox", checked: preset === true });
  if (schema.type === "integer" || schema.type === "number")
    return make("input", { id, type: "number", min: schema.minimum ?? "", max: schema.maximum ?? "", step: schema.type === "integer" ? 1 : "any", value: preset, placeholder: words.any });
  if (schema.type === "string") return make("input", { id, type: "text", maxLength: schema.maxLength ?? 2000, value: preset, placeholder: words.any });
  return make("textarea", { id, rows: 2, placeholder: "JSON", value: preset === "" ? "" : JSON.stringify(preset) });
}
function field([name, raw]) {
  const schema = resolved(raw), id = `wish-${name}`;
  const title = (language === "ko" && schema["x-ko"]) || schema.title || name;
  const hint = language === "ko" && schema["x-ko"] ? schema["x-ko-hint"] : schema.description;
  const below = hint ? make("span", { className: "hint", id: `${id}-hint` }, hint) : null;
  if (schema.type === "array" && resolved(schema.items ?? {}).enum) {
    const boxes = resolved(schema.items).enum.map((value) => make("label", { className: "tick" },
      make("input", { type: "checkbox", name: id, value: JSON.stringify(value), checked: (schema.default ?? []).includes(value) }), String(value)));
    return make("fieldset", {}, make("legend", {}, title), make("div", { className: "choices" }, ...boxes), below);
  }
  const control = input(id, schema);
  if (below) control.setAttribute("aria-describedby", below.id);
  const label = make("label", { htmlFor: id }, title);
  return schema.type === "boolean" ? make("div", {}, make("span", { className: "tick" }, control, label), below) : make("div", {}, label, control, below);
}
// What is said of it; what is left open is not sent.
function wish() {
  const said = {};
  for (const [name, raw] of Object.entries(service.wish.properties ?? {})) {
    const schema = resolved(raw), control = $(`wish-${name}`);
    if (!control) {
      const chosen = [...document.getElementsByName(`wish-${name}`)].filter((box) => box.checked);
      if (chosen.length) said[name] = chosen.map((box) => JSON.parse(box.value));
    } else if (control.type === "checkbox") said[name] = control.checked;
    else if (control.type === "number" && control.validity.badInput) throw new Fault(`${name}: ${control.validationMessage}`);
    else if (control.value === "") continue;
    else if (control.type === "text") said[name] = control.value;
    else
      try { said[name] = JSON.parse(control.value); } catch { throw new Fault(`${name}: JSON?`); }
  }
  return said;
}
// In the page's language; what is filled in stays.
function drawWish() {
  const filled = [...$("wish").querySelectorAll("input, select, textarea")].map(({ value, checked }) => ({ value, checked }));
  $("wish").replaceChildren(...Object.entries(service.wish.properties ?? {}).map(field));
  [...$("wish").querySelectorAll("input, select, textarea")].forEach((control, n) => Object.assign(control, filled[n] ?? {}));
}
