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

/** One number of a counter, that of one set of labels. */
export interface Count {
  value: number;
}

/** A number that only grows, one per set of labels. */
export class Counter implements Metric {
  readonly type = "counter";
  readonly #counts = new Map<string, Count>();
  constructor(readonly name: string, readonly help: string) {}

  /**
   * The number for these labels. It is listed from the first call on. A counter of every message keeps it: to
   * build the text of the labels costs more than to count.
   */
  of(labels: Labels = {}): Count {
    const key = labelText(labels);
    let count = this.#counts.get(key);
    if (!count) this.#counts.set(key, count = { value: 0 });
    return count;
  }

  add(labels: Labels = {}, by = 1): void {
    this.of(labels).value += by;
  }

  *samples(): Iterable<string> {
    for (const [labels, { value }] of this.#counts) yield sample(this.name, labels, value);
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

/** One distribution of a histogram, that of one set of labels. */
export class Series {
  readonly counts: number[];
  count = 0;
  sum = 0;

  constructor(readonly labels: Labels, readonly bounds: readonly number[]) {
    this.counts = bounds.map(() => 0);
  }

  observe(value: number): void {
    const bucket = this.bounds.findIndex((bound) => value <= bound);
    if (bucket >= 0) this.counts[bucket]!++;
    this.count++;
    this.sum += value;
  }
}

/** A distribution of values, one per set of labels. */
export class Histogram implements Metric {
  readonly type = "histogram";
  readonly #series = new Map<string, Series>();
  constructor(readonly name: string, readonly help: string, readonly bounds: readonly number[]) {}

  /** The distribution for these labels. It is listed from the first call on. */
  of(labels: Labels = {}): Series {
    const key = labelText(labels);
    let series = this.#series.get(key);
    if (!series) this.#series.set(key, series = new Series(labels, this.bounds));
    return series;
  }

  observe(value: number, labels: Labels = {}): void {
    this.of(labels).observe(value);
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
