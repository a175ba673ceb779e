/* Brings a report to life: the graph folds and zooms, a node shows its step, the walk follows the chain rule. Nothing
   that a report says depends on it. Running it again, for a further fragment on the page, is harmless. */
(() => {
  "use strict";

  const calm = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  const ARROW = "m-4-7l4 7l4-7";
  const words = (text) => text.split(" ").filter(Boolean).map(Number);

  function create(name, className, text) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text) made.textContent = text;
    return made;
  }

  /* A copy for the panel: identities stay with the original. */
  function copyOf(element) {
    const copy = element.cloneNode(true);
    for (const part of [copy, ...copy.querySelectorAll("[id]")]) part.removeAttribute("id");
    return copy;
  }

  /* The path of a wire from a row to the next, as in the program that drew it first. */
  function curve([a, b], row, start, end, tops, bottoms, arrow) {
    const upper = bottoms[row];
    const lower = tops[row + 1];
    const middle = (upper + lower) / 2;
    return `M${a} ${start}V${upper}C${a} ${middle} ${b} ${middle} ${b} ${lower}V${end}${arrow ? ARROW : ""}`;
  }

  /* The same wire on the way back: no arrow at its end, and one at its start if it starts at a node. */
  function turned(path, startsAtNode) {
    const [x, y] = path.slice(1, path.indexOf("V")).split(" ").map(Number);
    const head = startsAtNode ? `M${x - 4} ${y + 7}L${x} ${y}L${x + 4} ${y + 7}` : "";
    return head + path.replace(ARROW, "");
  }

  class Graph {
    constructor(canvas) {
      this.canvas = canvas;
      this.svg = canvas.querySelector("svg");
      this.layer = this.svg.firstElementChild;
      this.gap = Number(this.svg.dataset.gap);
      this.margin = Number(this.svg.dataset.margin);
      this.width = Number(this.svg.getAttribute("width"));
      this.scale = 1;
      this.items = [];
      for (const element of this.layer.querySelectorAll("[data-item]")) {
        this.items[Number(element.dataset.item)] = {
          element,
          row: Number(element.dataset.row),
          x: Number(element.dataset.x),
          open: Number(element.dataset.height),
          closed: Number(element.dataset.closed),
          group: element.querySelector(":scope > .group"),
        };
      }
      this.wires = [...this.layer.querySelectorAll(".wire")].map((element) => ({
        element,
        tail: Number(element.dataset.tail),
        heads: words(element.dataset.heads),
        xs: element.dataset.xs ? words(element.dataset.xs) : null,
        path: element.getAttribute("d"),
      }));
      this.nodes = new Map();
      for (const element of this.svg.querySelectorAll("[data-step]")) {
        this.nodes.set(Number(element.dataset.step), element);
      }
      this.groups = this.items.filter((item) => item.group).map((item) => item.group);
      for (const group of this.groups) this.prepare(group);
      this.arrange();
    }

    prepare(group) {
      const bar = group.querySelector(":scope > .bar");
      bar.setAttribute("role", "button");
      bar.setAttribute("tabindex", "0");
      bar.setAttribute("aria-expanded", String(!group.classList.contains("closed")));
      bar.addEventListener("click", () => this.fold(group));
      bar.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        this.fold(group);
      });
    }

    isClosed(group) {
      return group.classList.contains("closed");
    }

    fold(group, close = !this.isClosed(group)) {
      group.classList.toggle("closed", close);
      group.querySelector(":scope > .bar").setAttribute("aria-expanded", String(!close));
      this.arrange();
    }

    foldAll(close) {
      for (const group of this.groups) {
        group.classList.toggle("closed", close);
        group.querySelector(":scope > .bar").setAttribute("aria-expanded", String(!close));
      }
      this.arrange();
    }

    /* The group that a node is in, if it is in one. */
    groupOf(step) {
      const node = this.nodes.get(step);
      return node ? node.closest(".group") : null;
    }

    /* Rows are as high as their highest item is now; everything follows from that. */
    arrange() {
      const heightOf = (item) => (item.group && this.isClosed(item.group) ? item.closed : item.open);
      const heights = [];
      for (const item of this.items) heights[item.row] = Math.max(heights[item.row] || 0, heightOf(item));
      const tops = [];
      const bottoms = [];
      heights.forEach((height, row) => {
        tops[row] = row ? bottoms[row - 1] + this.gap : 0;
        bottoms[row] = tops[row] + height;
      });
      for (const item of this.items) {
        item.height = heightOf(item);
        item.top = (tops[item.row] + bottoms[item.row] - item.height) / 2;
        item.element.setAttribute("transform", `translate(${item.x} ${item.top})`);
        if (item.group) item.group.querySelector(":scope > .frame").setAttribute("height", item.height);
      }
      for (const wire of this.wires) {
        if (!wire.xs) continue;
        const row = Number(wire.element.dataset.row);
        const tail = this.items[wire.element.dataset.from];
        const head = this.items[wire.element.dataset.to];
        const start = tail ? tail.top + tail.height : tops[row];
        const end = head ? head.top : tops[row + 1];
        const arrow = head && (!head.group || this.isClosed(head.group));
        wire.path = curve(wire.xs, row, start, end, tops, bottoms, arrow);
        wire.element.setAttribute("d", wire.path);
      }
      this.height = (bottoms.at(-1) || 0) + 2 * this.margin;
      this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
      this.resize();
    }

    resize() {
      this.svg.setAttribute("width", Math.round(this.width * this.scale));
      this.svg.setAttribute("height", Math.round(this.height * this.scale));
    }

    /* Zoom, and keep the point of the frame at (x, y) where it is. */
    zoom(factor, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2) {
      const before = this.scale;
      this.scale = Math.min(3, Math.max(0.2, this.scale * factor));
      const ratio = this.scale / before;
      const left = (this.canvas.scrollLeft + x) * ratio - x;
      const top = (this.canvas.scrollTop + y) * ratio - y;
      this.resize();
      this.canvas.scrollTo(left, top);
    }

    fit() {
      const whole = Math.min(this.canvas.clientWidth / this.width, this.canvas.clientHeight / this.height);
      this.zoom(Math.min(whole, 1) / this.scale);
      this.canvas.scrollTo(0, 0);
    }

    /* At first the whole width is seen, if letters stay readable. */
    begin() {
      this.zoom(Math.min(1, Math.max(0.6, this.canvas.clientWidth / this.width)) / this.scale);
      this.canvas.scrollTo((this.svg.clientWidth - this.canvas.clientWidth) / 2, 0);
    }

    light(chosen, back) {
      const firstItem = this.layer.querySelector(":scope > .item");
      for (const wire of this.wires) {
        const lit = chosen(wire);
        wire.element.classList.toggle("lit", lit);
        wire.element.classList.toggle("back", lit && back);
        wire.element.setAttribute("d", lit && back ? turned(wire.path, this.startsAtNode(wire)) : wire.path);
        if (lit && wire.xs) this.layer.insertBefore(wire.element, firstItem); // above the other wires
      }
    }

    startsAtNode({ element, xs, tail }) {
      if (!xs) return words(element.closest(".group").dataset.members).includes(tail);
      const item = this.items[element.dataset.from];
      return Boolean(item) && (!item.group || this.isClosed(item.group));
    }

    reveal(step) {
      const node = this.nodes.get(step);
      if (!node) return;
      const box = node.getBoundingClientRect();
      const frame = this.canvas.getBoundingClientRect();
      const inside = box.top >= frame.top && box.bottom <= frame.bottom && box.left >= frame.left
        && box.right <= frame.right;
      if (inside) return;
      this.canvas.scrollTo({
        left: this.canvas.scrollLeft + box.left + box.width / 2 - frame.left - frame.width / 2,
        top: this.canvas.scrollTop + box.top + box.height / 2 - frame.top - frame.height / 2,
        behavior: calm() ? "auto" : "smooth",
      });
    }
  }

  /* Zooming and panning by pointer and keys. Touch pans by itself, because the frame scrolls. */
  function listen(graph, tools) {
    const { canvas } = graph;
    const actions = {
      "zoom-in": () => graph.zoom(1.25),
      "zoom-out": () => graph.zoom(0.8),
      "zoom-fit": () => graph.fit(),
      "open-all": () => graph.foldAll(false),
      "close-all": () => graph.foldAll(true),
    };
    for (const button of tools.querySelectorAll("[data-do]")) {
      const { do: action } = button.dataset;
      button.hidden = action.endsWith("-all") && !graph.groups.length;
      button.addEventListener("click", actions[action]);
    }
    canvas.addEventListener("keydown", (event) => {
      const action = { "+": "zoom-in", "=": "zoom-in", "-": "zoom-out", 0: "zoom-fit" }[event.key];
      if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      actions[action]();
    });
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return; // a pinch arrives with this key; a plain wheel scrolls
      event.preventDefault();
      const frame = canvas.getBoundingClientRect();
      graph.zoom(Math.exp(-event.deltaY / 300), event.clientX - frame.left, event.clientY - frame.top);
    }, { passive: false });
    canvas.addEventListener("dragstart", (event) => event.preventDefault());
    canvas.addEventListener("pointerdown", (event) => {
      if (event.pointerType !== "mouse" || event.button || event.target.closest(".node, .bar")) return;
      const from = [event.clientX + canvas.scrollLeft, event.clientY + canvas.scrollTop];
      const move = (next) => canvas.scrollTo(from[0] - next.clientX, from[1] - next.clientY);
      canvas.classList.add("panning");
      canvas.setPointerCapture(event.pointerId);
      canvas.addEventListener("pointermove", move);
      canvas.addEventListener("lostpointercapture", () => {
        canvas.classList.remove("panning");
        canvas.removeEventListener("pointermove", move);
      }, { once: true });
    });
  }

  class Explorer {
    constructor(derivation) {
      this.root = derivation;
      this.walk = derivation.querySelector(".walk");
      this.panel = derivation.querySelector(".panel");
      this.steps = [...derivation.querySelectorAll(".steps > .step")];
      this.graph = new Graph(derivation.querySelector(".canvas"));
      this.opened = null;
      this.at = -1;
      this.invitation = [...this.panel.children];
      const tools = derivation.querySelector(".tools");
      listen(this.graph, tools);
      for (const part of [tools, this.walk, this.panel]) part.hidden = false;
      this.frames = this.plan();
      this.follow();
      this.tell();
      const watcher = new ResizeObserver(() => {
        if (!this.graph.canvas.clientWidth) return; // folded away: wait
        watcher.disconnect();
        this.graph.begin();
      });
      watcher.observe(this.graph.canvas);
    }

    /* The walk: what is given, each step forward, then each adjoint from the output back. */
    plan() {
      const given = this.steps.filter((step) => step.classList.contains("given"));
      const computed = this.steps.filter((step) => step.classList.contains("computed"));
      const names = given.map((step) => step.querySelector(".name").textContent).join(", ");
      const frames = [{ phase: "given", text: `given: ${names}`, step: null }];
      computed.forEach((step, k) => frames.push({
        phase: "forward", step, text: `forward ${k + 1} of ${computed.length}: ${step.dataset.line}`,
      }));
      [...this.steps].reverse().forEach((step, k) => frames.push({
        phase: "backward", step, text: `backward ${k + 1} of ${this.steps.length}: ${step.dataset.adjoint}`,
      }));
      return frames;
    }

    follow() {
      this.graph.svg.addEventListener("click", (event) => {
        const node = event.target.closest("[data-step]");
        if (!node || event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        this.choose(this.steps[Number(node.dataset.step)]);
        if (event.detail === 0) this.panel.focus(); // by keyboard: on to what was asked for
        else if (this.panel.getBoundingClientRect().top > window.innerHeight - 80) {
          this.panel.scrollIntoView({ block: "nearest", behavior: calm() ? "auto" : "smooth" });
        }
      });
      const moves = {
        first: () => this.show(0),
        previous: () => this.show(this.at - 1),
        next: () => this.show(this.at + 1),
        last: () => this.show(this.frames.length - 1),
      };
      for (const button of this.walk.querySelectorAll("[data-walk]")) {
        button.addEventListener("click", moves[button.dataset.walk]);
      }
      this.walk.addEventListener("keydown", (event) => {
        const move = { ArrowLeft: "previous", ArrowRight: "next", Home: "first", End: "last" }[event.key];
        if (event.ctrlKey || event.metaKey || event.altKey) return;
        if (event.key === "Escape") this.leave();
        if (!move) return;
        event.preventDefault();
        moves[move]();
      });
    }

    numberOf(step) {
      return Number(step.dataset.step);
    }

    /* A node was chosen: all that there is to say about it. */
    choose(step) {
      const number = this.numberOf(step);
      this.mark(number, false);
      this.graph.light((wire) => wire.tail === number || wire.heads.includes(number), false);
      this.fill(step, [".forward", ".backward"]);
    }

    mark(number, back) {
      for (const [key, node] of this.graph.nodes) {
        const now = key === number;
        node.classList.toggle("now", now);
        node.classList.toggle("back", now && back);
        if (now) node.setAttribute("aria-current", "step");
        else node.removeAttribute("aria-current");
      }
      const group = this.graph.groupOf(number);
      for (const other of this.graph.groups) other.classList.toggle("has-now", other === group);
    }

    fill(step, parts) {
      const title = create("p", "title");
      const name = copyOf(step.querySelector(":scope > summary .name"));
      const link = create("a", "", "in the list");
      link.href = `#${step.querySelector(":scope > .body").id}`;
      title.append(name, copyOf(step.querySelector(":scope > summary .size")), link);
      const copies = parts.map((part) => copyOf(step.querySelector(`:scope > .body > ${part}`)));
      this.panel.replaceChildren(title, ...copies);
      this.panel.scrollTop = 0;
      return copies;
    }

    /* One frame of the walk. */
    show(index) {
      const at = Math.max(0, Math.min(this.frames.length - 1, index));
      if (index === this.at && at === this.at) return;
      this.at = at;
      const frame = this.frames[at];
      this.shade(at);
      if (frame.step) this.enter(frame);
      else this.start();
      this.tell();
    }

    start() {
      this.mark(-1, false);
      this.graph.light(() => false, false);
      const values = this.steps.filter((step) => step.classList.contains("given")).map((step) =>
        copyOf(step.querySelector(".forward .array")));
      this.panel.replaceChildren(create("p", "title", "What is given"), ...values);
    }

    enter({ step, phase }) {
      const number = this.numberOf(step);
      const back = phase === "backward";
      this.unfold(number);
      this.mark(number, back);
      this.graph.light((wire) => (back ? wire.tail === number : wire.heads.includes(number)), back);
      const [copy] = this.fill(step, [back ? ".backward" : ".forward"]);
      if (back) this.explain(copy);
      this.graph.reveal(number);
    }

    /* On the way back, the local Jacobian of each path is shown beside what arrives over it. */
    explain(copy) {
      for (const path of [...copy.querySelectorAll("[data-local]")].slice(0, 4)) {
        const figure = document.getElementById(path.dataset.local);
        if (figure) copy.append(copyOf(figure));
      }
    }

    /* A folded group opens while the walk is inside. */
    unfold(number) {
      const group = this.graph.groupOf(number);
      if (this.opened && this.opened !== group) {
        this.graph.fold(this.opened, true);
        this.opened = null;
      }
      if (group && this.graph.isClosed(group)) {
        this.graph.fold(group, false);
        this.opened = group;
      }
    }

    shade(at) {
      this.graph.svg.classList.add("walking");
      const known = new Set(this.steps.filter((step) => step.classList.contains("given")));
      const returned = new Set();
      this.frames.slice(0, at + 1).forEach(({ phase, step }) => {
        if (phase === "forward") known.add(step);
        if (phase === "backward") returned.add(step);
      });
      this.steps.forEach((step, k) => {
        const node = this.graph.nodes.get(k);
        if (!node) return;
        node.classList.toggle("later", !known.has(step));
        node.classList.toggle("returned", returned.has(step));
      });
    }

    leave() {
      this.at = -1;
      this.graph.svg.classList.remove("walking");
      for (const node of this.graph.nodes.values()) node.classList.remove("later", "returned");
      this.mark(-1, false);
      this.graph.light(() => false, false);
      this.panel.replaceChildren(...this.invitation);
      this.tell();
    }

    tell() {
      const forward = this.frames.filter((frame) => frame.phase === "forward").length;
      const frame = this.frames[this.at];
      const where = this.walk.querySelector(".where");
      where.textContent = frame ? frame.text : `${forward} steps forward, ${this.steps.length} back`;
      this.walk.classList.toggle("back", Boolean(frame) && frame.phase === "backward");
      this.walk.querySelector(".done").style.width = `${(100 * (this.at + 1)) / this.frames.length}%`;
      for (const button of this.walk.querySelectorAll("[data-walk]")) {
        const atStart = this.at <= 0;
        const atEnd = this.at === this.frames.length - 1;
        const { walk } = button.dataset;
        // Not "disabled": a button that has the focus would lose it
        button.setAttribute("aria-disabled", String(walk === "previous" || walk === "first" ? atStart : atEnd));
      }
    }
  }

  function offerCopies(root) {
    for (const button of root.querySelectorAll(".copy")) {
      button.hidden = false;
      button.addEventListener("click", async () => {
        const code = button.parentElement.querySelector("code");
        try {
          await navigator.clipboard.writeText(code.textContent);
          button.textContent = "Copied";
        } catch {
          window.getSelection().selectAllChildren(code);
          button.textContent = "Selected";
        }
      });
    }
  }

  for (const root of document.querySelectorAll(".chainrule-report")) {
    if (root.dataset.ready) continue;
    root.dataset.ready = "yes";
    offerCopies(root);
    for (const derivation of root.querySelectorAll(".derivation")) {
      if (derivation.querySelector(".canvas")) new Explorer(derivation);
    }
  }
})();
