/**
 * Counters, gauges and histograms in the Prometheus text format. It is our own because the usual library,
 * `prom-client`, needs Node.js.
 * @module
 */

/** Label names and values. */
export type Labels = Readonly<Record<string, string | number>>;

/** The media type of the text format. */
export const EXPOSITION_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** A set of metrics with unique names. */
export class Registry {
  readonly #metrics = new Map<string, Metric>();

  /** Adds a counter: a number that only grows. Its name ends in `_total`. */
  counter(name: string, help: string): Counter {
    return this.#add(name, new Counter(name, help));
  }

  /** Adds a gauge. `read` gives its values each time the metrics are read. */
  gauge(name: string, help: string, read: () => Iterable<readonly [Labels, number]>): void {
    this.#add(name, new Gauge(name, help, read));
  }

  /** Adds a histogram: how many values are at or below each bound, their number and their sum. */
  histogram(name: string, help: string, bounds: readonly number[]): Histogram {
    return this.#add(name, new Histogram(name, help, bounds));
  }

  /** All metrics in the text format. */
  text(): string {
    return [...this.#metrics.values()].flatMap((metric) => [
      `# HELP ${metric.name} ${metric.help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}`,
      `# TYPE ${metric.name} ${metric.type}`,
      ...metric.samples(),
    ]).join("\n") + "\n";
  }

  #add<M extends Metric>(name: string, metric: M): M {
    if (!/^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name) || this.#metrics.has(name)) {
      throw new TypeError(`metric name: expected a new one of letters, digits and _, got ${JSON.stringify(name)}`);
    }
    this.#metrics.set(name, metric);
    return metric;
  }
}

interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  samples(): Iterable<string>;
}

/** A number that only grows, one per set of labels. */
export class Counter implements Metric {
  readonly type = "counter";
  readonly #values = new Map<string, number>();
  constructor(readonly name: string, readonly help: string) {}

  add(labels: Labels = {}, by = 1): void {
    const key = labelText(labels);
    this.#values.set(key, (this.#values.get(key) ?? 0) + by);
  }

  *samples(): Iterable<string> {
    for (const [labels, value] of this.#values) yield sample(this.name, labels, value);
  }
}

class Gauge implements Metric {
  readonly type = "gauge";
  constructor(
    readonly name: string,
    readonly help: string,
    readonly read: () => Iterable<readonly [Labels, number]>,
  ) {}

  *samples(): Iterable<string> {
    for (const [labels, value] of this.read()) yield sample(this.name, labelText(labels), value);
  }
}

/** A distribution of values, one per set of labels. */
export class Histogram implements Metric {
  readonly type = "histogram";
  readonly #series = new Map<
    string,
    { readonly labels: Labels; readonly counts: number[]; count: number; sum: number }
  >();
  constructor(readonly name: string, readonly help: string, readonly bounds: readonly number[]) {}

  observe(value: number, labels: Labels = {}): void {
    const key = labelText(labels);
    let series = this.#series.get(key);
    if (!series) this.#series.set(key, series = { labels, counts: this.bounds.map(() => 0), count: 0, sum: 0 });
    const bucket = this.bounds.findIndex((bound) => value <= bound);
    if (bucket >= 0) series.counts[bucket]!++;
    series.count++;
    series.sum += value;
  }

  *samples(): Iterable<string> {
    for (const [key, { labels, counts, count, sum }] of this.#series) {
      let below = 0;
      for (const [i, bound] of this.bounds.entries()) {
        below += counts[i]!;
        yield sample(`${this.name}_bucket`, labelText({ ...labels, le: bound }), below);
      }
      yield sample(`${this.name}_bucket`, labelText({ ...labels, le: "+Inf" }), count);
      yield sample(`${this.name}_sum`, key, sum);
      yield sample(`${this.name}_count`, key, count);
    }
  }
}

function sample(name: string, labels: string, value: number): string {
  return `${name}${labels} ${Number.isFinite(value) ? value : value > 0 ? "+Inf" : value < 0 ? "-Inf" : "NaN"}`;
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escape(String(value))}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escape(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
