"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const kept = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
  const keep = (name, value) => { try { localStorage.setItem(name, value); } catch { /* not here: then until it is closed */ } };
  const press = (name, value) => all(`button[data-${name}]`).forEach((button) =>
    button.setAttribute("aria-pressed", String(button.dataset[name] === value)));

  // Languages: what is written is English, and bears its Chinese.
  const speaks = all("[data-zh]").map((part) => [part, part.textContent, part.getAttribute("data-zh")]);
  const labels = all("[data-zh-label]").map((part) => [part, part.getAttribute("aria-label"), part.dataset.zhLabel]);
  const speak = (lang) => {
    const chinese = lang.startsWith("zh");
    root.lang = chinese ? "zh-CN" : "en";
    for (const [part, en, zh] of speaks) part.textContent = chinese ? zh : en;
    for (const [part, en, zh] of labels) part.setAttribute("aria-label", chinese ? zh : en);
    press("lang", root.lang);
    counts.forEach((filter) => filter());
  };

  const shade = (theme) => {
    if (theme === "auto") delete root.dataset.theme; else root.dataset.theme = theme;
    press("theme", theme);
  };

  // A table of findings: to search, to filter, to sort. Gives what tells how many are shown.
  const findings = (table) => {
    const section = table.closest("section");
    const rows = all("tbody tr", table);
    const [search, kind, rule, count, none] = ["search", "kind", "rule", "count", "none"].map((part) =>
      section.querySelector(`.${part}-part`));
    const filter = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !((!kind.value || row.dataset.kind === kind.value) && (!rule.value || row.dataset.rule === rule.value)
          && words.every((word) => text.includes(word)));
        shown += row.hidden ? 0 : 1;
      }
      none.hidden = shown > 0;
      count.textContent = root.lang === "en" ? `${shown} of ${rows.length} shown` : `显示 ${rows.length} 项中的 ${shown} 项`;
    };
    const value = (row, column) => row.cells[column].dataset.sort ?? row.cells[column].textContent;
    const sort = (head) => {
      const down = head.getAttribute("aria-sort") === "ascending";
      all("th", table).forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const { compare } = new Intl.Collator(root.lang, { numeric: true });
      rows.sort((a, b) => compare(value(a, head.cellIndex), value(b, head.cellIndex)) * (down ? -1 : 1));
      table.tBodies[0].append(...rows);
    };
    all("thead th", table).forEach((head) => {
      const place = speaks.find(([part]) => part === head);
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      place[0] = button;
      button.addEventListener("click", () => sort(head));
    });
    table.tHead.rows[0].cells[2].setAttribute("aria-sort", "ascending");
    for (const part of [search, kind, rule]) part.addEventListener("input", filter);
    return filter;
  };
  const counts = all("table.findings").map(findings);

  all("button[data-lang]").forEach((button) => button.addEventListener("click", () => {
    speak(button.dataset.lang);
    keep("importer-language", button.dataset.lang);
  }));
  all("button[data-theme]").forEach((button) => button.addEventListener("click", () => {
    shade(button.dataset.theme);
    keep("importer-theme", button.dataset.theme);
  }));
  all(".switches, .tools").forEach((part) => { part.hidden = false; });
  shade(kept("importer-theme") || "auto");
  speak(kept("importer-language") || navigator.language || "en");
})();
