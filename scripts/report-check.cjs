// Called by scripts/report-check: node report-check.cjs RESULTS [SCREENSHOTS]. CHROMIUM is the browser.

const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { chromium } = require("playwright-core");

const [results, screenshots] = process.argv.slice(2);
const address = `file://${path.resolve(results, "report.html")}`;

/** The rows of a CSV file of plain fields, by column. */
function csv(file) {
  const [header, ...lines] = fs.readFileSync(path.join(results, file), "utf8").trim().split("\n").map((line) => line.split(","));
  return lines.map((line) => Object.fromEntries(header.map((name, at) => [name, line[at]])));
}

const wide = { width: 1280, height: 900 };
const narrow = { width: 400, height: 800 };
const checks = [];
const check = (claim, run) => checks.push({ claim, run });

check("the page loads nothing but itself and the console has no error", async ({ page, seen }) => {
  assert.deepEqual(seen.problems, []);
  assert.deepEqual(seen.requests, [address]);
  assert.equal(await page.locator("#chart .plot > svg").count(), 1);
});

check("every row of pareto.csv is a point and a row of the table, with its numbers", async ({ page }) => {
  const rows = csv("pareto.csv");
  const table = await page.locator("#points tbody tr").evaluateAll((rows) =>
    rows.map((row) => [...row.cells].map((cell) => cell.dataset.value ?? cell.textContent)));
  assert.equal(await page.locator(".point").count(), rows.length);
  assert.equal(table.length, rows.length);
  for (const [at, row] of rows.entries()) {
    const spread = (name) => `${row[name]}${row[`${name}_std`] && ` ± ${row[`${name}_std`]}`}`;
    const expected = [row.on_front === "true" ? "★" : "", row.n, row.flops, row.params, row.activations,
      spread("validation_accuracy"), spread("test_accuracy"), row.dead_channels, row.epochs];
    assert.deepEqual([0, 2, 3, 4, 5, 6, 7, 8, 9].map((cell) => table[at][cell]), expected, row.arm);
  }
});

check("the means of the table are those of points.csv", async ({ page }) => {
  const shown = await page.locator("#points tbody tr").evaluateAll((rows) => rows.map((row) => Number(row.cells[7].dataset.value.split(" ")[0])));
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  assert.ok(Math.abs(mean(csv("points.csv").map((row) => Number(row.test_accuracy))) - mean(shown)) < 1e-12);
});

check("hovering shows a point, leaving hides it", async ({ page }) => {
  const point = page.locator(".point").first();
  await point.hover();
  const tip = page.locator(".tip");
  assert.ok(await tip.isVisible());
  const name = await page.locator("#points tbody button").first().textContent();
  assert.match(await tip.textContent(), new RegExp(`^${name}`));
  await page.locator("h1").hover();
  assert.ok(!(await tip.isVisible()));
});

check("clicking a point shows its structure, marks its row and its curve", async ({ page }) => {
  const names = await page.locator("#points tbody button").allTextContents();
  const at = names.findIndex((name) => name.startsWith("shrink"));
  await page.locator(`.point[data-point="${at}"]`).click();
  assert.ok((await page.locator("#widths [role=status]").textContent()).startsWith(names[at]));
  assert.equal(await page.locator("tr.selected button").textContent(), names[at]);
  assert.equal(await page.locator(`.point[data-point="${at}"]`).getAttribute("aria-pressed"), "true");
  assert.ok((await page.locator("#curves .chosen").count()) > 0);
  const data = JSON.parse(await page.locator("#data").textContent());
  const { structure, widths } = data.points[at].networks[0];
  const files = fs.readdirSync(path.join(results, "structures")).map((file) => JSON.parse(fs.readFileSync(path.join(results, "structures", file))));
  const { layers } = files.find((file) => file.hash === structure);
  const shown = await page.locator("table.widths tr").evaluateAll((rows) => rows.map((row) => [row.cells[0].textContent, row.cells[2].textContent]));
  assert.deepEqual(Object.fromEntries(shown), Object.fromEntries(Object.entries(layers).map(([name, { before, after }]) => [name, `${before} → ${after}`])));
  assert.equal(widths.length, shown.length);
});

check("of points that lie close together, the pointer means the nearest", async ({ page }) => {
  const names = await page.locator("#points tbody button").allTextContents();
  const boxes = await page.locator(".point .marker").evaluateAll((markers) => markers.map((marker) => {
    const { x, y, width, height } = marker.getBoundingClientRect();
    return { at: Number(marker.closest(".point").dataset.point), x: x + width / 2, y: y + height / 2 };
  }));
  for (const { at, x, y } of boxes) {
    await page.mouse.move(x, y);
    assert.equal(await page.locator(".tip b").textContent(), names[at]);
  }
  await page.locator("h1").hover();
});

check("another seed of the point has its own structure", async ({ page }) => {
  const before = await page.locator("#widths .note").textContent();
  await page.locator("#widths input").nth(1).check();
  assert.notEqual(await page.locator("#widths .note").textContent(), before);
});

check("every cost, both scales and both accuracies change the axes", async ({ page }) => {
  const titles = new Set();
  const axes = () => page.locator("#chart .plot text").allTextContents().then((texts) => texts.join("|"));
  for (const input of await page.locator("#chart fieldset").first().locator("input").all()) {
    await input.check();
    titles.add(await axes());
  }
  assert.equal(titles.size, 4, "FLOPs, parameters, activations and a latency");
  for (const label of ["linear", "validation"]) {
    const before = await axes();
    await page.getByLabel(label, { exact: true }).check();
    assert.notEqual(await axes(), before, label);
  }
});

check("the keyboard reaches, reads and selects points", async ({ page }) => {
  await page.locator('.point[tabindex="0"]').focus();
  await page.keyboard.press("Home");
  const focused = () => page.evaluate(() => document.activeElement.dataset.point);
  const first = await focused();
  await page.keyboard.press("ArrowRight");
  const second = await focused();
  assert.notEqual(second, first);
  assert.ok(await page.locator(".tip").isVisible());
  await page.keyboard.press("Escape");
  assert.ok(!(await page.locator(".tip").isVisible()));
  await page.keyboard.press("Enter");
  assert.equal(await page.locator(".point.selected").getAttribute("data-point"), second);
  assert.equal(await focused(), second);
  await page.keyboard.press("Tab");
  assert.notEqual(await focused(), first);
  await page.locator("#points tbody button").last().press("Enter");
  assert.equal(await page.locator("tr.selected button").textContent(), await page.locator("#points tbody button").last().textContent());
});

check("a table is copied with its numbers in full", async ({ page }) => {
  await page.evaluate(() => { navigator.clipboard.writeText = async (text) => { globalThis.copied = text; }; });
  await page.locator("section:has(#points) .copy").first().click();
  const copied = (await page.evaluate(() => globalThis.copied)).split("\n").map((line) => line.split("\t"));
  assert.deepEqual(copied.slice(1).map((line) => line[3]), csv("pareto.csv").map((row) => row.flops));
});

check("searches have curves of their own", async ({ page }) => {
  await page.getByLabel("searches", { exact: true }).check();
  await page.getByLabel("share of the cost that is alive", { exact: true }).check();
  const names = new Set(csv("curves.csv").filter((row) => row.phase === "search").map((row) => row.name));
  assert.equal(await page.locator("#curves .curve").count(), names.size);
});

check("nothing is wider than a narrow window", async ({ page }) => {
  await page.setViewportSize(narrow);
  await page.waitForTimeout(200);
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(width <= narrow.width, `${width} pixels`);
  await page.setViewportSize(wide);
});

async function open(browser, options) {
  const context = await browser.newContext({ viewport: wide, ...options });
  const page = await context.newPage();
  const seen = { problems: [], requests: [] };
  page.on("console", (message) => { if (["error", "warning"].includes(message.type())) seen.problems.push(message.text()); });
  page.on("pageerror", (error) => seen.problems.push(String(error)));
  page.on("request", (request) => seen.requests.push(request.url()));
  await page.goto(address);
  return { page, seen };
}

async function main() {
  const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"];
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: flags });
  try {
    const opened = await open(browser, {});
    for (const { claim, run } of checks) {
      await run(opened);
      console.log(`ok: ${claim}`);
    }
    assert.deepEqual(opened.seen.problems, []);
    const plain = await open(browser, { javaScriptEnabled: false });
    assert.equal(await plain.page.locator("main figure svg").count(), 3);
    assert.ok(await plain.page.locator("#points").isVisible());
    console.log("ok: without its script the page has figures and tables");
    if (screenshots) await pictures(browser);
  } finally {
    await browser.close();
  }
}

async function pictures(browser) {
  fs.mkdirSync(screenshots, { recursive: true });
  const looks = [["wide", {}], ["narrow", { viewport: narrow }], ["dark", { colorScheme: "dark" }], ["print", {}]];
  for (const [name, options] of looks) {
    const { page } = await open(browser, options);
    if (name === "print") {
      await page.emulateMedia({ media: "print" });
      await page.addStyleTag({ content: "html { filter: grayscale(1); }" }).catch(() => {});
    }
    await page.waitForTimeout(300);
    await page.screenshot({ path: path.join(screenshots, `${name}.png`), fullPage: true });
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
