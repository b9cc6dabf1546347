/* Behaviour of the frame. Every page works without it. */
(function () {
  "use strict";
  const doc = document;
  const live = doc.getElementById("live");

  function say(text) {
    if (!live || !text) return;
    live.textContent = "";
    setTimeout(function () { live.textContent = text; }, 50);
  }
  // For the other scripts.
  window.hub = { say: say };

  /* Colour theme: the server writes data-theme from this cookie. */
  doc.addEventListener("click", function (event) {
    const button = event.target.closest("[data-theme-toggle]");
    if (!button) return;
    event.preventDefault();
    const root = doc.documentElement;
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    doc.cookie = "theme=" + root.dataset.theme + ";path=/;max-age=31536000;samesite=lax" +
      (location.protocol === "https:" ? ";secure" : "");
    say(dark ? "Light theme" : "Dark theme");
    doc.dispatchEvent(new CustomEvent("themechange"));
  });

  /* Ctrl K opens the palette. It is fetched the first time it is asked for; without it, the
     cursor goes into the page's search box. */
  function openPalette() {
    const pal = doc.getElementById("palette");
    if (pal && !pal.open) { pal.showModal(); doc.getElementById("pal-q").select(); }
  }
  doc.addEventListener("keydown", function (event) {
    if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "k") return;
    const pal = doc.getElementById("palette");
    const place = doc.getElementById("palette-place");
    const box = doc.querySelector("[data-find]");
    if (!pal && !place && !box) return;
    event.preventDefault();
    if (pal) openPalette();
    else if (place && window.htmx) {
      htmx.ajax("GET", place.dataset.palette, { target: place, swap: "innerHTML" }).then(openPalette);
    } else if (box) { box.focus(); box.select(); }
    else location.assign(place.dataset.page);
  });
  /* In the palette: arrows choose, Enter in the box opens the first result once it answers what
     was typed, a press beside the dialog closes it. */
  doc.addEventListener("keydown", function (event) {
    const pal = event.target.closest && event.target.closest("dialog.pal");
    if (!pal || event.ctrlKey || event.metaKey || event.altKey) return;
    const box = pal.querySelector("input");
    const links = Array.from(pal.querySelectorAll("li a"));
    const here = links.indexOf(doc.activeElement);
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const next = here + (event.key === "ArrowDown" ? 1 : -1);
      (next === -2 ? links[links.length - 1] : links[next] || box).focus();
    } else if (event.key === "Enter" && event.target === box) {
      const list = pal.querySelector("[data-for]");
      const asked = box.value.trim().replace(/\s+/g, " ");
      if (asked && list && links[0] && list.dataset.for === asked && list.dataset.hits) {
        event.preventDefault();
        links[0].click();
      } else if (!asked) event.preventDefault();
    } else if (here >= 0 && event.key.length === 1 && event.key !== " ") box.focus();
  });
  doc.addEventListener("click", function (event) {
    if (event.target.matches("dialog.pal")) event.target.close();
  });

  /* Filters apply on change; their button is for readers without scripts. */
  doc.addEventListener("change", function (event) {
    const form = event.target.closest("form[data-filter]");
    if (form) form.requestSubmit();
  });
  doc.documentElement.classList.add("js");

  /* Waiting: say what happens, once it takes longer than a blink. */
  doc.addEventListener("submit", function (event) {
    const button = event.submitter;
    if (!button || !button.dataset.busy) return;
    setTimeout(function () {
      button.setAttribute("aria-busy", "true");
      const label = button.querySelector("[data-label]") || button;
      label.textContent = button.dataset.busy;
    }, 300);
  });

  /* Parts that ask for themselves again rest while nobody looks, and never take the focus. */
  doc.addEventListener("htmx:beforeRequest", function (event) {
    if (doc.hidden && event.target.hasAttribute("data-poll")) event.preventDefault();
  });
  /* What nobody pressed is no use of the hub. */
  doc.addEventListener("htmx:configRequest", function (event) {
    if (event.target.hasAttribute("data-poll")) event.detail.headers["X-By-Timer"] = "1";
  });

  /* htmx: speak the outcome, keep focus, say when the connection is lost. */
  doc.addEventListener("htmx:afterSwap", function (event) {
    const fresh = event.target;  // the element that came in
    if (!fresh.querySelector) return;
    const said = fresh.matches("[data-said]") ? fresh : fresh.querySelector("[data-said]");
    if (said) say(said.dataset.said);
    const summary = fresh.querySelector(".summary");
    if (summary) summary.focus();
    else if (event.detail.requestConfig?.elt.hasAttribute("data-poll")) return;
    else if (!doc.activeElement || doc.activeElement === doc.body) {
      const heading = fresh.querySelector("h1, h2");
      if (heading) { heading.tabIndex = -1; heading.focus({ preventScroll: true }); }
    }
  });
  function lost() {
    const box = doc.getElementById("lost");
    if (box) { box.hidden = false; say(box.textContent); }
  }
  doc.addEventListener("htmx:sendError", lost);
  doc.addEventListener("htmx:timeout", lost);
  doc.addEventListener("htmx:responseError", function (event) {
    if (event.detail.xhr.status >= 500) lost();
    const out = doc.getElementById("signed-out");
    if (event.detail.xhr.status === 401 && out && out.hidden) { out.hidden = false; say(out.textContent); }
  });

  /* Undo is offered for as long as it works; then only the sentence stays. */
  function fadeUndo(root) {
    root.querySelectorAll("[data-undo]").forEach(function (button) {
      if (button.dataset.timed) return;
      button.dataset.timed = "1";
      setTimeout(function () {
        const note = button.closest("[data-toast]");
        button.form.remove();
        if (note && !note.contains(doc.activeElement)) note.remove();
      }, Number(button.dataset.undo) * 1000);
    });
  }
  fadeUndo(doc);
  doc.addEventListener("htmx:load", function (event) { fadeUndo(event.target); });

  /* A candidate was opened: a phone is led to its form below the table. */
  doc.addEventListener("htmx:afterSettle", function (event) {
    const from = event.detail && event.detail.requestConfig && event.detail.requestConfig.elt;
    if (!from || !from.matches || !from.matches("#session .t-link")) return;
    const card = doc.getElementById("s-on");
    if (card && matchMedia("(max-width: 60rem)").matches) card.scrollIntoView();
    const row = doc.querySelector("#session tr.on .t-link");
    if (row) row.focus({ preventScroll: true });
  });
  /* Talk clock of a scoring session: the server's number, ticking. */
  setInterval(function () {
    const clock = doc.querySelector("[data-ends]");
    if (!clock || doc.hidden) return;
    const left = Math.round(Number(clock.dataset.ends) - Date.now() / 1000);
    const size = Math.abs(left);
    clock.textContent = Math.floor(size / 60) + ":" + String(size % 60).padStart(2, "0") +
      (left < 0 ? " over" : " left");
    if (left === 0) say("The time for this talk is over.");
  }, 1000);

  const summary = doc.querySelector("main .summary");
  if (summary) summary.focus();
})();
