"use strict";
// What each page is made with, the file to keep and the service's alike. Whatever it is given becomes text, never markup.
const $ = (id) => document.getElementById(id);
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties))
    name in element ? (element[name] = value) : element.setAttribute(name, value);
  element.append(...children.filter((c) => c !== null));
  return element;
}

