// The arrow keys walk through a config space; one byte of each is in the tab order.
for (const table of document.querySelectorAll("table.config")) {
  table.setAttribute("role", "grid");
  const rows = [...table.tBodies[0].rows]
    .map((row) => [...row.querySelectorAll(".byte")])
    .filter((bytes) => bytes.length !== 0);
  table.addEventListener("focusin", ({ target }) => {
    for (const byte of table.querySelectorAll("[tabindex='0']")) byte.tabIndex = -1;
    target.tabIndex = 0;
  });
  table.addEventListener("keydown", (event) => {
    const at = rows.findIndex((bytes) => bytes.includes(event.target));
    if (at === -1 || event.altKey || event.ctrlKey || event.metaKey) return;
    const column = rows[at].indexOf(event.target);
    const row = (index) => rows[Math.max(0, Math.min(index, rows.length - 1))];
    const next = {
      ArrowLeft: () => rows[at][column - 1] ?? rows[at - 1]?.at(-1),
      ArrowRight: () => rows[at][column + 1] ?? rows[at + 1]?.[0],
      ArrowUp: () => rows[at - 1]?.[column],
      ArrowDown: () => rows[at + 1]?.[column],
      Home: () => rows[at][0],
      End: () => rows[at].at(-1),
      PageUp: () => row(at - 8)[column],
      PageDown: () => row(at + 8)[column],
    }[event.key];
    if (event.key === "Escape") event.target.blur();
    if (next === undefined) return;
    event.preventDefault();
    next()?.focus();
  });
}
