/* The triage queue by keyboard, and what stays as it was when parts of it are swapped.
   Everything here presses a button or a link that is on the page: without scripts the page works
   the same, with more presses. */
(function () {
  "use strict";
  const doc = document;
  const say = window.hub.say;

  function queue() { return doc.getElementById("queue"); }
  function rows() { return queue() ? Array.from(queue().children) : []; }
  function current() { return rows().findIndex(function (row) { return row.classList.contains("on"); }); }
  function boxes() { return rows().map(function (row) { return row.querySelector("input[name=id]"); }); }
  function picked() { return boxes().filter(function (box) { return box.checked; }); }

  /* --- Selecting ----------------------------------------------------------------------------- */
  let kept = new Set();
  function countPicked() {
    const count = doc.getElementById("picked");
    const chosen = picked().length;
    if (count) count.textContent = chosen + " selected";
    const all = doc.querySelector("[data-select-all]");
    if (all) {
      all.checked = chosen > 0 && chosen === rows().length;
      all.indeterminate = chosen > 0 && !all.checked;
    }
    kept = new Set(picked().map(function (box) { return box.value; }));
  }
  doc.addEventListener("change", function (event) {
    if (event.target.matches("[data-select-all]")) {
      boxes().forEach(function (box) { box.checked = event.target.checked; });
      countPicked();
      say(picked().length + " selected");
    } else if (event.target.matches("#queue input[name=id]")) countPicked();
  });
  /* Rows come new after each action: what was selected stays selected. */
  doc.addEventListener("htmx:oobAfterSwap", function () {
    boxes().forEach(function (box) { if (kept.has(box.value)) box.checked = true; });
    countPicked();
  });
  countPicked();

  /* --- Opening a row, acting, and where the focus goes ----------------------------------------- */
  function mark(row) {
    rows().forEach(function (other) {
      const link = other.querySelector(".q-t");
      other.classList.toggle("on", other === row);
      if (other === row) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    });
  }
  doc.addEventListener("click", function (event) {
    const link = event.target.closest && event.target.closest("#queue .q-t");
    if (link && !event.ctrlKey && !event.metaKey) mark(link.closest("li"));
  });
  doc.addEventListener("htmx:configRequest", function (event) {
    // Which place the request had, so that the next one can take it.
    if (event.detail.verb !== "get") event.detail.parameters.at = Math.max(0, current());
  });
  doc.addEventListener("queueActed", function (event) {
    say(event.detail.said);
    kept = new Set();
    boxes().forEach(function (box) { box.checked = false; });
    countPicked();
    const link = doc.querySelector("#queue .on .q-t");
    if (link) link.focus({ preventScroll: false });
    else {
      const heading = doc.querySelector("#triage h1");
      if (heading) { heading.tabIndex = -1; heading.focus({ preventScroll: true }); }
    }
  });
  doc.addEventListener("htmx:afterSettle", function (event) {
    const from = event.detail && event.detail.requestConfig && event.detail.requestConfig.elt;
    if (!from || !from.matches) return;
    if (from.matches(".q-t")) {
      // Focus stays on the row, and a phone is led to the preview below the list.
      const preview = doc.getElementById("preview");
      if (preview && matchMedia("(max-width: 60rem)").matches) preview.scrollIntoView();
    } else if (from.matches("[data-key], [data-bulk-key], #bulk") || from.closest("#preview .row")) {
      const place = doc.getElementById("act");
      const part = place && place.firstElementChild ? place : doc.getElementById("preview");
      if (from.matches("#bulk") || (place && place.firstElementChild)) focusFirst(part);
    }
    markSwitch();
  });
  function focusFirst(part) {
    if (!part || part.querySelector(".summary")) return;
    const field = part.querySelector(
      "input:checked, select, textarea, input:not([type=hidden]):not([type=checkbox])") ||
      part.querySelector("h2[tabindex], h3[tabindex]");
    if (field) field.focus();
    if (matchMedia("(max-width: 60rem)").matches) part.scrollIntoView({ block: "nearest" });
  }

  /* --- Keys: at rest while a field has focus, and off when the reader says so ------------------- */
  let keysOn = true;
  try { keysOn = localStorage.getItem("keys") !== "off"; } catch (e) { /* storage may be off */ }
  function markSwitch() {
    const box = doc.querySelector("[data-keys-switch]");
    if (box) box.checked = keysOn;
  }
  doc.addEventListener("change", function (event) {
    if (!event.target.matches("[data-keys-switch]")) return;
    keysOn = event.target.checked;
    try { localStorage.setItem("keys", keysOn ? "on" : "off"); } catch (e) { /* fine */ }
    say(keysOn ? "Single-key shortcuts on" : "Single-key shortcuts off");
  });
  markSwitch();
  doc.addEventListener("keydown", function (event) {
    if (!keysOn || event.ctrlKey || event.metaKey || event.altKey || !doc.getElementById("triage")) return;
    if (event.target.matches("input:not([type=checkbox], [type=radio]), textarea, select")) return;
    if (doc.querySelector("dialog[open]")) return;
    if (event.key === "?") {
      const help = doc.getElementById("keys-help");
      if (help && help.togglePopover) { event.preventDefault(); help.togglePopover(); }
      return;
    }
    const key = event.key.toLowerCase();
    if (key === "j" || key === "k") {
      const all = rows();
      const next = all[Math.max(0, Math.min(all.length - 1, current() + (key === "j" ? 1 : -1)))];
      if (!next) return;
      event.preventDefault();
      const link = next.querySelector(".q-t");
      link.focus();
      if (!next.classList.contains("on")) link.click();
      return;
    }
    if (key === "x") {
      const box = boxes()[current()];
      if (!box) return;
      event.preventDefault();
      box.checked = !box.checked;
      countPicked();
      say((box.checked ? "Selected, " : "Not selected, ") + picked().length + " in all");
      return;
    }
    if (!/^[a-z]$/.test(key)) return;
    const target = (picked().length && doc.querySelector('[data-bulk-key="' + key + '"]')) ||
      doc.querySelector('[data-key="' + key + '"]');
    if (!target) return;
    event.preventDefault();
    target.focus();
    target.click();
  });
})();
