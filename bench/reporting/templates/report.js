"use strict";

// Sorting: a button in every head of the tables; each group of rows is sorted in itself.

function sortedBy(row, index) {
  const cell = row.cells[index];
  return index === 0 ? cell.textContent.trim() : cell.dataset.value === undefined ? null : Number(cell.dataset.value);
}

function order(a, b, sign) {
  // What has no value comes last, whichever way round.
  if (a === null || b === null) return (a === null) - (b === null);
  return sign * (typeof a === "string" ? a.localeCompare(b, "en") : a - b);
}

function sortTable(table, index, direction) {
  const sign = direction === "ascending" ? 1 : -1;
  table.querySelectorAll("thead th").forEach((head, i) => {
    head.setAttribute("aria-sort", i === index ? direction : "none");
  });
  for (const body of table.tBodies) {
    const rows = [...body.querySelectorAll("tr.item")];
    rows.sort((a, b) => order(sortedBy(a, index), sortedBy(b, index), sign));
    body.append(...rows);
  }
}

function asPublished() {
  for (const table of document.querySelectorAll("table.sortable")) {
    table.querySelectorAll("thead th").forEach((head) => head.setAttribute("aria-sort", "none"));
    for (const body of table.tBodies) {
      const rows = [...body.querySelectorAll("tr.item")];
      body.append(...rows.sort((a, b) => a.dataset.method - b.dataset.method));
    }
  }
}

for (const table of document.querySelectorAll("table.sortable")) {
  table.querySelectorAll("thead th").forEach((head, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    head.setAttribute("aria-sort", "none");
    const other = { ascending: "descending", descending: "ascending" };
    button.addEventListener("click", () => {
      sortTable(table, index, other[head.getAttribute("aria-sort")] ?? head.dataset.first);
    });
  });
}

// Filtering: rows of the tables, cards of the data sets and failures; a table without rows is hidden.

const form = document.getElementById("filter");
const blocks = [...document.querySelectorAll(".block")];
const items = [...document.querySelectorAll(".item")].map((item) => {
  const heading = item.closest(".block")?.querySelector("h3").textContent ?? "";
  return { item, text: `${heading} ${item.textContent}`.toLowerCase() };
});

function filter() {
  const wanted = Object.fromEntries(new FormData(form));
  const words = wanted.text.toLowerCase().split(/\s+/).filter(Boolean);
  for (const { item, text } of items) {
    // What is of no method, as the card of a data set, is not hidden by the choice of one.
    const chosen = ["method", "family", "dataset"].every(
      (name) => !wanted[name] || item.dataset[name] === undefined || item.dataset[name] === wanted[name],
    );
    item.hidden = !chosen || !words.every((word) => text.includes(word));
  }
  for (const block of blocks) {
    for (const body of block.querySelectorAll("tbody")) body.hidden = !body.querySelector(".item:not([hidden])");
    block.hidden = !block.querySelector(".item:not([hidden])");
  }
  const rows = items.filter(({ item }) => item.closest(".block"));
  const shown = rows.filter(({ item }) => !item.hidden).length;
  form.querySelector("output").value = `${shown} of ${rows.length} rows`;
}

form.addEventListener("input", filter);
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("reset", () => {
  asPublished();
  // The fields are emptied after this event.
  setTimeout(filter);
});
form.hidden = false;
filter();

// Lineage: what a number links to, in a dialog. Escape closes it; the focus goes back to the number.

const dialog = document.getElementById("story");

function openStory(story) {
  const copy = story.cloneNode(true);
  const heading = copy.querySelector("h2");
  heading.id = "story-heading";
  heading.tabIndex = -1;
  dialog.querySelector("div").replaceChildren(...copy.childNodes);
  dialog.showModal();
  dialog.scrollTop = 0;
  heading.focus();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a.cell");
  if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    openStory(document.getElementById(link.hash.slice(1)));
    dialog.addEventListener("close", () => link.focus(), { once: true });
  } else if (event.target === dialog) {
    dialog.close();
  }
});
