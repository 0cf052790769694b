// What pages cannot do without a script: the theme, charts, and parts of a page that are fetched again when
// something has changed. Everything else works without.
"use strict";
(() => {
  const script = document.currentScript;
  const root = document.documentElement;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  const theme = () => chosen() || (dark.matches ? "dark" : "light");
  root.dataset.bsTheme = theme();

  // --- charts ---
  let loading;
  const plotly = () => loading ||= new Promise((resolve, reject) => {
    const tag = document.createElement("script");
    tag.src = script.dataset.plotly;
    tag.onload = () => resolve(window.Plotly);
    tag.onerror = reject;
    document.head.append(tag);
  });
  const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const themed = (layout) => {
    const text = colour("--bs-body-color"), grid = colour("--bs-border-color");
    const axes = Object.fromEntries(Object.keys({xaxis: 1, yaxis: 1, ...layout})
      .filter((key) => /^[xy]axis/.test(key))
      .map((key) => [key, {...layout[key], gridcolor: grid, zerolinecolor: text, linecolor: grid}]));
    const colorway = [1, 2, 3, 4, 5, 6].map((number) => colour(`--series-${number}`));
    const shapes = (layout.shapes || []).map((shape) => ({...shape, line: {color: text, ...shape.line}}));
    return {...layout, ...axes, shapes, colorway, font: {...layout.font, color: text},
      hoverlabel: {bgcolor: colour("--bs-body-bg"), font: {color: text}}};
  };
  // What is drawn with an address of the console leads there.
  const lead = (place) => {
    if (place.dataset.leads) return;
    place.dataset.leads = "true";
    place.on("plotly_click", (event) => {
      const href = event.points[0]?.customdata;
      if (typeof href === "string" && href.startsWith("/console/")) location.assign(href);
    });
  };
  const draw = async (scope) => {
    const places = [...scope.querySelectorAll("[data-chart]")];
    if (!places.length) return;
    const library = await plotly();
    for (const place of places) {
      const data = document.getElementById(place.dataset.chart);
      if (!data) continue;
      const figure = JSON.parse(data.textContent);
      for (const trace of figure.data) {
        if (trace.line?.color?.startsWith("var(")) trace.line.color = colour(trace.line.color.slice(4, -1));
      }
      await library.react(place, figure.data, themed(figure.layout || {}),
        {responsive: true, displaylogo: false, displayModeBar: false, ...figure.config});
      lead(place);
      place.dataset.drawn = "true";
    }
  };

  // --- parts that are live ---
  const EVERY_MS = 30000, SETTLE_MS = 400;
  let waiting, busy = false, again = false;
  const isTyping = (part) => part.contains(document.activeElement) &&
    /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
  const refresh = async () => {
    if (busy) { again = true; return; }
    if (document.hidden) return;
    busy = true;
    try {
      const answer = await fetch(location.href, {headers: {"X-Passive": "true"}, redirect: "manual"});
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of document.querySelectorAll("[data-live]")) {
        const fresh = page.getElementById(part.id);
        if (fresh && !isTyping(part)) replace(part, fresh);
      }
      const clock = page.getElementById("clock");
      if (clock) document.getElementById("clock").textContent = clock.textContent;
    } catch { /* the server is away for a moment: the next time will do */ } finally {
      busy = false;
      if (again) { again = false; soon(); }
    }
  };
  const replace = (part, fresh) => {
    if (part.dataset.seen === fresh.innerHTML) return;
    const opened = new Set([...part.querySelectorAll("details[open] > summary")].map((item) => item.textContent));
    const plots = new Map([...part.querySelectorAll(".plot")].map((plot) => [plot.id, plot]));
    part.dataset.seen = fresh.innerHTML;
    part.replaceChildren(...document.importNode(fresh, true).childNodes);
    for (const details of part.querySelectorAll("details")) {
      if (opened.has(details.querySelector("summary").textContent)) details.open = true;
    }
    for (const plot of part.querySelectorAll(".plot")) {
      const kept = plots.get(plot.id);
      if (kept) plot.replaceWith(kept);
    }
    draw(part);
  };
  const soon = () => { clearTimeout(waiting); waiting = setTimeout(refresh, SETTLE_MS); };
  const live = () => {
    const parts = [...document.querySelectorAll("[data-live]")];
    if (!parts.length) return;
    setInterval(refresh, EVERY_MS);
    document.addEventListener("visibilitychange", () => { if (!document.hidden) soon(); });
    const kinds = new Set(parts.flatMap((part) => part.dataset.live.split(" ").filter(Boolean)));
    if (!kinds.size || !root.dataset.stream) return;
    const stream = new EventSource(root.dataset.stream);
    stream.addEventListener("reset", soon);  // some changes were missed
    stream.addEventListener("message", (event) => {
      if (kinds.has(JSON.parse(event.data).kind)) soon();
    });
  };

  // --- parts that take longer, which come after the page ---
  const later = () => {
    for (const part of document.querySelectorAll("[data-later]")) {
      fetch(part.dataset.later, {headers: {"X-Passive": "true"}}).then(async (answer) => {
        if (answer.ok) { part.innerHTML = await answer.text(); draw(part); } else { part.textContent = ""; }
      }).catch(() => { part.textContent = ""; });
    }
  };

  // --- the page ---
  document.addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme")?.addEventListener("click", () => {
      root.dataset.bsTheme = theme() === "dark" ? "light" : "dark";
      try { localStorage.setItem("theme", root.dataset.bsTheme); } catch { /* it lasts for this page */ }
      draw(document);
    });
    dark.addEventListener("change", () => { root.dataset.bsTheme = theme(); draw(document); });
    const menu = document.getElementById("menu");
    menu?.addEventListener("click", () => {
      const open = document.getElementById("navigation").classList.toggle("open");
      menu.setAttribute("aria-expanded", String(open));
    });
    // What acts on the grid is not to be sent twice by a second click.
    for (const form of document.querySelectorAll("form[method=post]")) {
      form.addEventListener("submit", (event) => {
        if (form.dataset.sent) { event.preventDefault(); return; }
        form.dataset.sent = "true";
        setTimeout(() => { delete form.dataset.sent; }, 10000);
      });
    }
    draw(document);
    later();
    live();
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });
})();
