
"use strict";
(() => {
  const find = (id) => document.getElementById(id);
  const config = JSON.parse(find("config").textContent);
  const [NAME, STATES, AT, CHANNEL, PLACE, TAGS, COMMIT, DIGEST, REMOTE, RUNS, RUN, RUN_ID, IMAGE, WHY, PROMOTED, RUNNING] = Array(16).keys();
  const asked = { text: "", state: "", channel: "", place: "", newestFirst: true, page: 0 };
  const parts = new Map(); // number -> a promise of its lines, oldest first
  const arrived = new Map();
  let turn = 0; // counts requests, so that an answer that is overtaken is dropped
  let found = null; // lines that fit, while something is searched

  globalThis.shipmarkPart = (number, text) => arrived.set(number, text.split("\n"));

  function part(number) {
    if (!parts.has(number)) {
      parts.set(number, config.lines ? Promise.resolve(config.lines) : load(number));
    }
    return parts.get(number);
  }

  function load(number) {
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = `parts/${String(number).padStart(5, "0")}.js`;
      script.onload = () => {
        script.remove();
        arrived.has(number) ? resolve(arrived.get(number)) : reject(new Error(script.src));
      };
      script.onerror = () => { parts.delete(number); reject(new Error(script.src)); };
      document.head.append(script);
    });
  }

  // Elements are built from text nodes only: nothing of the log is ever read as markup.
  function make(name, attributes, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children.filter((one) => one !== ""));
    return element;
  }

  function link(base, end, content) {
    const address = base === "" ? "" : config.bases[base] + end;
    return /^https?:\/\//.test(address) ? make("a", { href: address, rel: "noreferrer" }, content) : content;
  }

  function state(name) {
    return make("span", { class: `state s-${name}` }, make("span", { "aria-hidden": "true" }, config.symbols[name] ?? ""), ` ${name}`);
  }

  const note = (text) => text ? make("small", {}, text) : "";

  function row(line) {
    const cells = line.split("\t");
    const place = config.places.length > 1 ? config.places[cells[PLACE]] ?? "" : "";
    const channel = ["", "release", cells[NAME]].includes(cells[CHANNEL]) ? "" : cells[CHANNEL];
    const id = (text) => make("code", { class: "id" }, text);
    const digest = cells[DIGEST].length === 64 ? `sha256:${cells[DIGEST]}` : cells[DIGEST];
    const tags = cells[TAGS] === "" ? [] : cells[TAGS].split(" ");
    return make("tr", { role: "row" },
      make("th", { role: "rowheader", scope: "row" }, make("b", {}, cells[NAME]), note(place), note(channel)),
      make("td", { role: "cell" }, ...cells[STATES].split(",").map(state),
        note(cells[WHY] && `taken back: ${cells[WHY]}`), note(cells[PROMOTED] && `promoted to ${cells[PROMOTED]}`),
        note(cells[RUNNING] && `runs in ${cells[RUNNING]}`)),
      make("td", { role: "cell" }, cells[AT] && make("time", { datetime: cells[AT] }, cells[AT].slice(0, 16).replace("T", " "))),
      make("td", { role: "cell", class: "tags" }, ...tags.map((tag) => make("code", {}, tag))),
      make("td", { role: "cell", class: "commit" }, cells[COMMIT] && link(cells[REMOTE], cells[COMMIT], id(cells[COMMIT]))),
      make("td", { role: "cell", class: "image" }, digest && link(cells[IMAGE], "", id(digest))),
      make("td", { role: "cell", class: "run" }, (cells[RUN_ID] || cells[RUN]) && link(cells[RUNS], cells[RUN], `run ${cells[RUN_ID] || cells[RUN]}`)));
  }

  const isFiltered = () => asked.text + asked.state + asked.channel + asked.place !== "";

  function fits(line, places) {
    const cells = line.split("\t");
    if (asked.state && !cells[STATES].split(",").includes(asked.state)) return false;
    if (asked.channel && cells[CHANNEL] !== asked.channel) return false;
    if (asked.place && cells[PLACE] !== asked.place) return false;
    const searched = [NAME, TAGS, COMMIT, DIGEST, RUN_ID, WHY, PROMOTED, RUNNING];
    return !asked.text || places.has(cells[PLACE]) || searched.some((one) => cells[one].toLowerCase().includes(asked.text));
  }

  // Lines of the releases from position `first` to before `end`, counted from the oldest one.
  async function lines(first, end) {
    const result = [];
    for (let number = Math.floor(first / config.part); number * config.part < end; number++) {
      const own = await part(number);
      result.push(...own.slice(Math.max(0, first - number * config.part), end - number * config.part));
    }
    return result;
  }

  const say = (text) => { find("status").textContent = text; };
  const count = (number) => number.toLocaleString("en");

  async function search(own) {
    const places = new Set(asked.text ? config.places.flatMap((one, at) => one.toLowerCase().includes(asked.text) ? [String(at)] : []) : []);
    const all = Math.ceil(config.total / config.part);
    found = [];
    let drawn = false;
    for (let step = 0; step < all; step++) {
      const text = await part(asked.newestFirst ? all - 1 - step : step);
      if (own !== turn) return;
      const fit = text.filter((line) => fits(line, places));
      found.push(...(asked.newestFirst ? fit.reverse() : fit));
      if (!drawn && found.length >= config.rows) { drawn = true; draw(found.slice(0, config.rows)); }
      if (step % 10 === 9) say(`Searching: ${count(found.length)} so far`);
    }
    asked.page = 0;
    await show(own);
  }

  function draw(some) {
    find("rows").replaceChildren(...some.map(row));
  }

  async function show(own) {
    const total = found === null ? config.total : found.length;
    const last = Math.max(1, Math.ceil(total / config.rows));
    asked.page = Math.min(Math.max(0, asked.page), last - 1);
    const first = asked.page * config.rows, end = Math.min(total, first + config.rows);
    let some;
    if (found !== null) some = found.slice(first, end);
    else if (asked.newestFirst) some = (await lines(total - end, total - first)).reverse();
    else some = await lines(first, end);
    if (own !== turn) return;
    draw(some);
    find("page").value = asked.page + 1;
    find("page").max = last;
    find("last").textContent = count(last);
    find("back").setAttribute("aria-disabled", asked.page === 0);
    find("next").setAttribute("aria-disabled", asked.page === last - 1);
    const order = asked.newestFirst ? "newest first" : "oldest first";
    const which = `Releases ${count(first + 1)} to ${count(end)} of ${count(total)}`;
    if (end === 0) say(found === null ? "No releases" : "No release fits");
    else say(found === null ? `${which}, ${order}` : `${which} that fit, ${order}`);
  }

  async function update(again) {
    const own = ++turn;
    try {
      if (again) found = null;
      if (again && isFiltered()) await search(own);
      else await show(own);
    } catch (error) {
      if (own === turn) say(`A part of this page is missing: ${error.message}`);
    }
  }

  function turnTo(page) {
    const total = found === null ? config.total : found.length;
    if (page < 0 || page * config.rows >= Math.max(1, total)) {
      find("page").value = asked.page + 1;
      return;
    }
    asked.page = page;
    update(false);
    find("releases").scrollIntoView();
  }

  let pause = 0;
  find("tools").addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(() => {
      asked.text = find("text").value.trim().toLowerCase().replace(/^sha256:/, "");
      for (const name of ["state", "channel", "place"]) asked[name] = find(name).value;
      asked.page = 0;
      update(true);
    }, config.total > config.part ? 250 : 0);
  });
  find("tools").addEventListener("submit", (event) => event.preventDefault());
  find("back").addEventListener("click", () => turnTo(asked.page - 1));
  find("next").addEventListener("click", () => turnTo(asked.page + 1));
  find("page").addEventListener("change", () => turnTo(Number(find("page").value) - 1 || 0));

  const sorted = find("sorted");
  const order = make("button", { type: "button" }, sorted.textContent);
  order.addEventListener("click", () => {
    asked.newestFirst = !asked.newestFirst;
    asked.page = 0;
    sorted.setAttribute("aria-sort", asked.newestFirst ? "descending" : "ascending");
    update(true);
  });
  sorted.replaceChildren(order);
  find("tools").hidden = find("pages").hidden = false;
  const last = Math.max(1, Math.ceil(config.total / config.rows));
  find("page").max = last;
  find("last").textContent = count(last);
  find("back").setAttribute("aria-disabled", "true");
  find("next").setAttribute("aria-disabled", last === 1);
})();
