/* The new request: questions come and go with earlier answers, and what is typed is kept.
   Without this all questions show, each with its condition in words, the server passes over what
   does not apply, and a button saves. */
(function () {
  "use strict";
  const doc = document;

  function given(form, key) {
    return Array.from(form.querySelectorAll('[name="' + key + '"]')).filter(function (control) {
      return !/^(radio|checkbox)$/.test(control.type) || control.checked;
    }).map(function (control) { return control.value.trim(); }).filter(Boolean);
  }

  /* The rule of intake.questions.applies: in order, so that what hangs on a hidden question is
     hidden too. */
  function arrange(form) {
    const hidden = new Set();
    form.querySelectorAll("[data-if]").forEach(function (box) {
      const key = box.dataset.if;
      const wanted = JSON.parse(box.dataset.ifValues);
      const shown = !hidden.has(key) && given(form, key).some(function (value) {
        return wanted.includes(value);
      });
      box.hidden = !shown;
      const control = box.querySelector("[name]");
      if (!shown && control) hidden.add(control.name);
    });
    form.querySelectorAll("[data-section]").forEach(function (section) {
      const parts = Array.from(section.querySelectorAll(".field"));
      section.hidden = parts.length > 0 && parts.every(function (part) { return part.hidden; });
    });
  }
  function all() { doc.querySelectorAll("form[data-asking]").forEach(arrange); }
  doc.addEventListener("change", function (event) {
    const form = event.target.closest("form[data-asking]");
    if (form) arrange(form);
  });
  doc.addEventListener("htmx:afterSettle", all);
  all();

  /* On a phone the similar requests are below the form: the title says that there are some. */
  function pointAtSimilar() {
    const title = doc.querySelector("#request-form input[data-similar]");
    const list = doc.getElementById("similar-list");
    if (!title || !list) return;
    const number = list.querySelectorAll(".rows > li [value][name=number].ghost").length;
    let link = doc.getElementById("similar-hint");
    if (!number) { if (link) link.remove(); return; }
    if (!link) {
      link = doc.createElement("a");
      link.id = "similar-hint";
      link.href = "#similar-list";
      title.after(link);
    }
    link.textContent = number === 1 ? "One similar request: see below" : number + " similar requests: see below";
  }
  doc.addEventListener("htmx:afterSettle", pointAtSimilar);
  pointAtSimilar();

  /* Which fields were touched, and which last: said with every save. */
  let unsaved = false;
  function note(event) {
    const form = event.target.closest && event.target.closest("form[data-asking]");
    const name = event.target.name;
    if (!form || !name || event.target.type === "hidden" || name === "form") return;
    form.elements.field.value = name;
    const touched = form.elements.touched;
    const seen = touched.value ? touched.value.split(",") : [];
    if (!seen.includes(name)) touched.value = seen.concat(name).join(",");
    unsaved = true;
  }
  doc.addEventListener("input", note);
  doc.addEventListener("change", note);

  /* A page that is left in the middle of a word is saved on its way out. */
  doc.addEventListener("htmx:afterRequest", function (event) {
    if (event.target.hasAttribute("data-autosave") && event.detail.successful) unsaved = false;
  });
  doc.addEventListener("submit", function () { unsaved = false; });
  doc.addEventListener("visibilitychange", function () {
    const form = doc.querySelector("form[data-asking]");
    const saver = form && form.querySelector("[data-autosave]");
    if (!saver || !unsaved || doc.visibilityState !== "hidden") return;
    const data = new FormData(form);
    Array.from(data.entries()).forEach(function (pair) {
      if (pair[1] instanceof File) data.delete(pair[0]);
    });
    navigator.sendBeacon(saver.getAttribute("hx-post"), data);
    unsaved = false;
  });

  /* Another kind was chosen and its questions are on their way: what is typed meanwhile goes with
     them. Only what differs from what was sent, and only into questions that are still there. */
  function texts(form) {
    return Array.from(form.elements).filter(function (control) {
      return control.name && /^(text|textarea|search|url|number|date|email)$/.test(control.type);
    });
  }
  let sent = null;
  let late = [];
  doc.addEventListener("htmx:beforeRequest", function (event) {
    if (!event.detail.elt.matches('[data-asking] input[name="form"]')) return;
    sent = new Map(texts(event.detail.elt.form).map(function (one) { return [one.name, one.value]; }));
  });
  doc.addEventListener("htmx:beforeSwap", function (event) {
    const form = doc.querySelector("form[data-asking]");
    if (event.detail.target.id !== "asking" || !sent || !form) return;
    late = texts(form).filter(function (one) {
      return sent.has(one.name) && sent.get(one.name) !== one.value;
    }).map(function (one) { return [one.name, one.value]; });
    sent = null;
  });
  doc.addEventListener("htmx:afterSettle", function () {
    const form = doc.querySelector("form[data-asking]");
    if (!form || !late.length) return;
    const again = late;
    late = [];
    again.forEach(function (pair) {
      const control = form.elements[pair[0]];
      if (!control || control.value === undefined) return;
      control.value = pair[1];
      control.dispatchEvent(new Event("input", { bubbles: true }));
    });
  });

  /* An ended session must not carry the page away with what is typed: say it instead. */
  doc.addEventListener("htmx:beforeOnLoad", function (event) {
    const from = event.detail.elt;
    if (!from.closest || !from.closest("#request-form, #similar")) return;
    if (!event.detail.xhr.getResponseHeader("HX-Redirect")) return;
    event.preventDefault();
    const box = doc.getElementById("signed-out");
    if (box) box.hidden = false;
  });
})();
