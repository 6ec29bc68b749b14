// What the parts of the page have to do with each other: the selected point.

const data = JSON.parse(document.getElementById("data").textContent);

/** Tables can be copied, with numbers in full, as text that spreadsheets take. */
function copyButton(table) {
  const cell = (cell) => cell.dataset.value ?? cell.textContent.trim();
  const text = () => [...table.rows].map((row) => [...row.cells].map(cell).join("\t")).join("\n");
  const button = html("button", { type: "button", class: "copy" }, "Copy table");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text());
    } catch {
      // Where pages from files may not use the clipboard, a selection can be copied.
      const area = html("textarea", {}, text());
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy table"; }, 1500);
  });
  return button;
}

for (const table of document.querySelectorAll("main .scroll table")) table.parentElement.before(copyButton(table));

const parts = [];
const table = document.getElementById("points");

function select(at) {
  for (const part of parts) part.select(at);
  for (const row of table.tBodies[0].rows) {
    const selected = Number(row.dataset.point) === at;
    row.classList.toggle("selected", selected);
    row.querySelector("button").setAttribute("aria-pressed", selected);
  }
}

const part = (id, make) => {
  const root = document.getElementById(id);
  if (root !== null) parts.push(make(root));
};
part("chart", (root) => makeChart(root, data, select));
part("widths", (root) => makeWidths(root, data));
part("curves", (root) => makeCurves(root, data));

table.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-point]");
  if (button !== null) select(Number(button.dataset.point));
});
if (data.points.length > 0) select(data.featured ?? 0);
