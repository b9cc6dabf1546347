/* The new request: questions come and go with earlier answers. Without this all of them show,
   each with its condition in words, and the server passes over what does not apply. */
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
})();
