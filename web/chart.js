// <tf-chart data-src="…">: fetches what to draw, draws it, and takes single points from the page's stream.
const watched = new Set();

class TfChart extends HTMLElement {
  async connectedCallback() {
    if (this.chart || this.loading) return;
    this.loading = true;
    const charts = await import("lightweight-charts");
    const answer = await fetch(this.dataset.src, { headers: { Accept: "application/json" } });
    this.loading = false;
    if (!answer.ok || !this.isConnected) {
      this.querySelector("[data-failed]")?.removeAttribute("hidden");
      return;
    }
    this.draw(charts, await answer.json());
  }

  // Moved by a morph: nothing to do.
  connectedMoveCallback() {}

  disconnectedCallback() {
    watched.delete(this);
    this.chart?.remove();
    this.chart = null;
  }

  draw(charts, data) {
    this.data = data;
    this.querySelector("[data-waits]")?.setAttribute("hidden", "");
    const empty = !data.series.some((one) => one.points.length);
    this.querySelector("[data-empty]")?.toggleAttribute("hidden", !empty);
    if (empty) return;
    const place = document.createElement("div");
    place.className = "absolute inset-0";
    this.append(place);
    this.chart = charts.createChart(place, {
      autoSize: true,
      layout: { attributionLogo: false, background: { color: "transparent" }, fontFamily: getComputedStyle(this).fontFamily },
      rightPriceScale: { borderVisible: false, scaleMargins: { top: 0.12, bottom: 0.08 } },
      timeScale: { borderVisible: false, timeVisible: true, secondsVisible: false, rightOffset: 2 },
      localization: { locale: document.documentElement.lang },
      handleScroll: { vertTouchDrag: false },
      ...(this.dataset.small === undefined ? {} : { handleScale: false, crosshair: { mode: 0 } }),
    });
    this.series = data.series.map((one) => this.add(charts, one));
    this.marks = charts.createSeriesMarkers(this.series[0], []);
    this.lines = [];
    this.decorate(data);
    this.tint();
    this.chart.timeScale().fitContent();
    watched.add(this);
  }

  // Orders as lines, fills as marks: the price scale stays as the person left it.
  decorate(data) {
    const main = this.series[0];
    for (const line of this.lines) main.removePriceLine(line);
    this.lines = (data.lines ?? []).map((line) =>
      main.createPriceLine({ price: line.price, title: line.title, color: this.colour(line.tone), lineWidth: 1, lineStyle: line.solid ? 0 : 2, axisLabelVisible: true }),
    );
    this.marks.setMarkers(
      (data.marks ?? []).map((mark) => ({
        time: mark.time,
        position: mark.side === "buy" ? "belowBar" : "aboveBar",
        shape: mark.side === "buy" ? "arrowUp" : "arrowDown",
        color: this.colour(mark.side === "buy" ? "gain" : "loss"),
        text: mark.text,
      })),
    );
  }

  async redraw() {
    const answer = await fetch(this.dataset.src, { headers: { Accept: "application/json" } });
    if (!answer.ok || !this.chart) return;
    const data = await answer.json();
    data.series.forEach((one, place) => this.series[place]?.setData(one.points));
    this.decorate(data);
  }

  add(charts, one) {
    const options = { priceLineVisible: false, priceFormat: { type: "price", precision: one.precision ?? 2, minMove: 10 ** -(one.precision ?? 2) } };
    const kinds = { candles: charts.CandlestickSeries, line: charts.LineSeries, bars: charts.HistogramSeries };
    const series = this.chart.addSeries(kinds[one.kind] ?? charts.AreaSeries, { ...options, lineWidth: 2, title: one.title ?? "" });
    series.setData(one.points);
    series.tone = one.tone ?? "primary";
    series.kind = one.kind;
    return series;
  }

  colour(tone) {
    const name = { gain: "--gain", loss: "--loss", muted: "--muted" }[tone] ?? `--color-${tone}`;
    // Colours come in any notation; a canvas pixel says what they are.
    const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const holder = document.createElement("i");
    holder.style.color = `var(${name})`;
    this.append(holder);
    probe.fillStyle = getComputedStyle(holder).color;
    holder.remove();
    probe.fillRect(0, 0, 1, 1);
    const [red, green, blue] = probe.getImageData(0, 0, 1, 1).data;
    return `rgb(${red}, ${green}, ${blue})`;
  }

  tint() {
    const text = this.colour("muted");
    const grid = this.colour("base-300");
    const faint = (colour, alpha) => colour.replace("rgb(", "rgba(").replace(")", `, ${alpha})`);
    this.chart.applyOptions({
      layout: { textColor: text },
      grid: { vertLines: { visible: false }, horzLines: { color: faint(grid, 0.6) } },
    });
    for (const series of this.series) {
      const colour = this.colour(series.tone);
      if (series.kind === "candles") {
        const [up, down] = [this.colour("gain"), this.colour("loss")];
        series.applyOptions({ upColor: up, downColor: down, wickUpColor: up, wickDownColor: down, borderVisible: false });
      } else if (series.kind === "line") {
        series.applyOptions({ color: colour });
      } else if (series.kind === "bars") {
        series.applyOptions({ color: faint(colour, 0.7) });
      } else {
        series.applyOptions({ lineColor: colour, topColor: faint(colour, 0.22), bottomColor: faint(colour, 0) });
      }
    }
  }
}

customElements.define("tf-chart", TfChart);

document.addEventListener("tf:point", (event) => {
  const { chart, point } = event.detail;
  for (const one of watched) {
    if (one.dataset.name === chart) one.series?.[0].update(point);
  }
});
document.addEventListener("tf:redraw", () => watched.forEach((one) => one.redraw()));
const dark = matchMedia("(prefers-color-scheme: dark)");
dark.addEventListener("change", () => watched.forEach((one) => one.tint()));
