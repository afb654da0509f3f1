/* Keyboard, copy, dialogs, focus. Everything is found by data-* attributes; nothing here is needed to use the pages. */
(() => {
  "use strict";
  const root = document.documentElement;
  root.classList.add("js");
  const $ = (selector, within = document) => within.querySelector(selector);
  const visible = (element) => element && element.getClientRects().length > 0;
  let prefix = 0; // when "g" was pressed

  const typing = (target) => Boolean(target) &&
    (target.isContentEditable || /^(TEXTAREA|SELECT)$/.test(target.tagName) ||
    (target.tagName === "INPUT" && !/^(checkbox|radio|button|submit)$/.test(target.type)));

  const rows = () => [...document.querySelectorAll("[data-row]")].filter(visible);
  const currentRow = () => document.activeElement?.closest("[data-row]");
  const link = (row) => $("[data-open]", row) || row;

  function step(by) {
    const all = rows();
    if (!all.length) return false;
    const here = all.indexOf(currentRow());
    const next = all[here < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(here + by, 0), all.length - 1)];
    link(next).focus();
    next.scrollIntoView({ block: "nearest" });
    return true;
  }

  // The control of the focused row wins over the page's own; a control that cannot be seen is not there.
  function control(key) {
    const row = currentRow();
    const inRow = row && $(`[data-key="${CSS.escape(key)}"]`, row);
    if (visible(inRow)) return inRow;
    return [...document.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)].find((e) => !e.closest("[data-row]") && visible(e));
  }

  function press(element) {
    if (element.tagName === "SUMMARY") {
      element.parentElement.open = true;
      $("textarea, input:not([type=hidden])", element.parentElement)?.focus();
    } else if (/^(INPUT|TEXTAREA)$/.test(element.tagName) && typing(element)) {
      element.focus();
      element.select?.();
    } else {
      if (element.tagName === "INPUT") element.focus();
      element.click();
    }
  }

  function closePanel(panel) {
    if (!panel) return false;
    panel.open = false;
    $("summary", panel).focus();
    return true;
  }

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter" && event.target.form && event.target.tagName !== "BUTTON") {
      event.preventDefault();
      return event.target.form.requestSubmit();
    }
    if (event.key === "Escape" && !$("dialog[open]")) {
      if (typing(event.target)) return event.target.blur();
      if (closePanel($("details.panel[open]"))) return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || typing(event.target)) return;
    if (root.dataset.shortcuts === "off" || $("dialog[open]")) return;
    const key = event.key;
    if (Date.now() - prefix < 1200) {
      prefix = 0;
      const there = $(`[data-go="${CSS.escape(key)}"]`);
      if (there) { event.preventDefault(); there.click(); }
      return;
    }
    if (key === "g") { prefix = Date.now(); return; }
    if ((key === "j" || key === "k") && !control(key)) {
      if (step(key === "j" ? 1 : -1)) event.preventDefault();
      return;
    }
    if (key === "o" && currentRow()) return link(currentRow()).click();
    const element = key.length === 1 && key !== " " ? control(key) : null;
    if (element) { event.preventDefault(); press(element); }
  });

  document.addEventListener("click", async (event) => {
    const opener = event.target.closest("[data-dialog]");
    if (opener) return $(`#${CSS.escape(opener.dataset.dialog)}`)?.showModal();
    const cancel = event.target.closest("[data-cancel]");
    if (cancel && closePanel(cancel.closest("details"))) return event.preventDefault();
    if (event.target.closest("[data-close]")) return event.target.closest("dialog")?.close();
    const copier = event.target.closest("[data-copy]");
    if (!copier) return;
    const text = copier.dataset.copy || $(copier.dataset.copyFrom)?.textContent || "";
    await navigator.clipboard.writeText(text);
    copier.setAttribute("data-copied", "");
    const live = $("#live");
    if (live) live.textContent = "Copied.";
  });

  document.addEventListener("change", (event) => {
    const all = event.target.closest("[data-check-all]") || $(`[data-check-all="${CSS.escape(event.target.name || "")}"]`);
    if (!all) return;
    const boxes = [...document.querySelectorAll(`[name="${CSS.escape(all.dataset.checkAll)}"]`)];
    if (event.target === all) boxes.forEach((box, place) => { box.checked = all.checked && place < all.dataset.most; });
    const ticked = boxes.filter((box) => box.checked).length;
    all.checked = ticked === Math.min(boxes.length, all.dataset.most);
    $(`[data-count="${CSS.escape(all.dataset.checkAll)}"]`).textContent = `${ticked} of ${boxes.length} are ticked.`;
  });

  // What somebody wrote is not lost by a click beside it: leaving the page asks first, and so does approving the text as
  // it was proposed while an own wording of it stands open.
  const draft = () => [...document.querySelectorAll("[data-draft] textarea")].find((e) => visible(e) && e.value !== e.defaultValue);
  let sent = false;
  const stay = (event) => { if (!sent && draft()) event.preventDefault(); };
  document.addEventListener("input", (event) => {
    if (!event.target.closest("[data-draft]")) return;
    sent = false;
    addEventListener("beforeunload", stay);
  });
  document.addEventListener("submit", (event) => {
    const open = draft();
    if (open && event.target.contains(open)) { sent = true; return; }
    if (!open || !event.target.matches("[data-as-proposed]")) return;
    event.preventDefault();
    event.stopPropagation();
    $("[data-draft-note]").hidden = false;
    open.focus();
  }, true);

  // A second click while a form is on its way sends nothing: only the answer to the last one would be seen, and of what
  // is shown once it is the first that shows it. On a page that came back from the browser's memory nothing is under way.
  const underWay = new Map();
  document.addEventListener("submit", (event) => {
    const mark = $('input[name="sending"]', event.target)?.value;
    if (!mark) return;
    if (Date.now() - underWay.get(mark) < 5000) return event.preventDefault();
    underWay.set(mark, Date.now());
  });
  addEventListener("pageshow", () => underWay.clear());

  for (const name of ["htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(name, (event) => {
      const note = Object.assign(document.createElement("p"), { className: "note note-bad", textContent: "The server does not answer. Nothing was sent; try again." });
      note.setAttribute("role", "alert");
      note.dataset.unsent = $('[data-unsent="post"]') ? "post" : event.detail.requestConfig.verb;
      $("#messages").replaceChildren(note);
      if (event.detail.requestConfig.verb === "post") note.scrollIntoView({ block: "nearest" });
    });
  }
  // That something was not sent is true until something is; a page that only looks again knows nothing of it.
  document.addEventListener("htmx:afterOnLoad", (event) => {
    $(event.detail.requestConfig.verb === "post" ? "[data-unsent]" : '[data-unsent="get"]')?.remove();
  });

  // After a swap the new region says where attention belongs; a pinned list keeps its end in view.
  document.addEventListener("htmx:afterSettle", (event) => {
    const target = event.detail.elt;
    if (target.matches?.("[data-decided]")) {
      const all = rows();
      return link(all[all.indexOf(target) + 1] || target).focus();
    }
    const focus = target.matches?.("[data-focus]") ? target : $("[data-focus]", target.parentElement || document);
    if (focus && !typing(document.activeElement)) focus.focus({ preventScroll: false });
  });
  // A session at work: no line twice after a broken connection, a bounded number of lines, the end in view for whoever
  // looks at the end, and one calm sentence when it stands differently.
  const LINES_MAX = 500;
  const atEnd = () => innerHeight + scrollY > document.body.scrollHeight - 160;
  const timeline = $("#timeline");
  let pinned = atEnd();
  let said = $("#standing")?.dataset.say;
  const keepEnd = () => { if (pinned) scrollTo({ top: document.body.scrollHeight }); };
  if (timeline) document.addEventListener("scroll", () => { pinned = atEnd(); }, { passive: true });
  document.addEventListener("htmx:sseBeforeMessage", (event) => {
    if (event.target !== timeline) return;
    const place = Number(event.detail.lastEventId);
    if (place <= Number(timeline.dataset.last)) event.preventDefault();
    else timeline.dataset.last = place;
  });
  document.addEventListener("htmx:sseMessage", (event) => {
    if (event.target === timeline) {
      const lines = timeline.children;
      while (lines.length > LINES_MAX && (lines.length > 4 * LINES_MAX || lines[0].getBoundingClientRect().bottom < 0)) {
        lines[0].remove();
        $("[data-earlier]").hidden = false;
      }
    }
    keepEnd();
  });
  // Who goes on typing while a message is on its way finds that in the form which comes back, without what was sent.
  let typed = "";
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.target.id !== "composer") return;
    const now = $("textarea", event.target).value;
    const sent = event.detail.xhr.status === 200 ? event.detail.requestConfig.parameters.text : "";
    typed = now.startsWith(sent) ? now.slice(sent.length).trimStart() : now;
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.id === "composer") $("textarea", event.target).value = typed;
  });
  let acted = ""; // where a button was pressed that may be gone when the page has changed
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.requestConfig.verb === "post") acted = event.target.closest("#desk, #standing")?.id || "";
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.target.id !== "status") return;
    keepEnd();
    const say = $("#standing").dataset.say;
    if (say !== said) { said = say; $("#live").textContent = say; }
    if (acted && document.activeElement === document.body) $(`#${acted}`).focus({ preventScroll: true });
    acted = "";
  });
  const connection = $("#connection");
  if (connection) {
    document.addEventListener("htmx:sseError", () => { connection.textContent = "reconnecting"; });
    document.addEventListener("htmx:sseOpen", () => { connection.textContent = "live"; });
    document.addEventListener("htmx:sseClose", () => { connection.remove(); });
  }

  // With many tabs on a small screen the present one may stand beyond the edge.
  $(".setup-tabs [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });

  const marked = new URLSearchParams(location.search).get("event");
  const event = marked && document.getElementById(marked);
  if (event) { event.classList.add("is-target"); event.scrollIntoView({ block: "center" }); }
  else if ($("[data-focus]")) $("[data-focus]").focus({ preventScroll: true });
  else $("[aria-invalid=true]")?.focus(); // what a refused form has to be mended in
})();
