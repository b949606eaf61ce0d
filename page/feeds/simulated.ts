/** The feed of a simulated cluster, which runs in this browser. */
import { formatLink, type LinkedAction, type SimulationLink } from "../../src/page/link.ts";
import { factsOf, type PageEvent } from "../model/event.ts";
import type { Answer, Happened, Order, Played } from "../simulator/order.ts";
import type { Action, Feed, Sink } from "./feed.ts";

/** How much of a cluster that somebody plays with is there beforehand, and how near its end is when more is asked for, virtual ms. */
const AHEAD = { firstMs: 20_000, moreMs: 20_000, nearMs: 6_000, mostMs: 600_000 };
/** A broken run is shown from a little before, virtual ms. */
const BEFORE_MS = 300;
/** A client has a session by then, and a cluster that somebody plays with is shown from then on, virtual ms. */
const PLAY_STARTS_MS = 300;
const EARLY = ["sent", "taken", "replied"];

/** What a feed is made of. */
export interface SimulatedOptions {
  readonly link: SimulationLink;
  /** The address of the simulator's script. */
  readonly script: string;
  readonly version: string;
  /** The run of a lesson: it ends then, and cannot be changed. */
  readonly lesson?: { readonly title: string; readonly untilMs: number };
}

/** A simulated cluster. Each action changes the plan from its time on, and the run is made anew: it is the same up to there. */
export class SimulatedFeed implements Feed {
  readonly isLive = false;
  readonly actions: readonly Action["action"][];
  readonly #options: SimulatedOptions;
  #actions: readonly LinkedAction[];
  #untilMs: number;
  #worker: Worker | null = null;
  #sink: Sink | null = null;
  #id = 0;
  #played: Played | null = null;
  /** The moment that the page shows. */
  #at: number;
  #isBusy = false;
  /** Called when the run that was asked for last is there, or has failed. */
  #onDone: ((failed: string | null) => void) | null = null;

  constructor(options: SimulatedOptions) {
    const { link, lesson } = options;
    this.#options = options;
    this.#actions = link.actions;
    this.#at = link.atMs ?? 0;
    this.#untilMs = lesson?.untilMs ??
      Math.min(AHEAD.mostMs, Math.max(AHEAD.firstMs, this.#at, ...link.actions.map(({ atMs }) => atMs)) + AHEAD.nearMs);
    this.actions = lesson ? [] : ["stop", "start", "pause", "resume", "cut", "join", "lie", "request"];
  }

  get name(): string {
    const { link: { run }, lesson } = this.#options;
    if (lesson) return lesson.title;
    const first = this.#actions[0];
    const base = run.kind === "seed" ? `seed ${run.seed}` : "simulated";
    return first && run.kind === "seed" ? `${base}, changed at ${(first.atMs / 1_000).toFixed(3)} s` : base;
  }

  /** The run, once it is there. */
  get played(): Played | null {
    return this.#played;
  }

  start(sink: Sink): void {
    this.#sink = sink;
    const { link, version } = this.#options;
    const isOther = link.version !== null && link.version !== version;
    const warning = isOther
      ? `This link was made by version ${link.version}; this is ${version}, and the run may be another one.`
      : null;
    sink.trouble(warning);
    this.#order((played) => {
      const { violation } = played;
      const start = link.run.kind === "play" ? PLAY_STARTS_MS : 0;
      const at = link.atMs ?? (violation ? Math.max(0, violation.atMs - BEFORE_MS) : start);
      this.#show(played, at);
      sink.trouble(brokenWords(played) ?? warning);
    });
  }

  stop(): void {
    this.#worker?.terminate();
    this.#worker = null;
    this.#sink = null;
  }

  act(action: Action): Promise<string> {
    // Rounded as it is in the link, and not before what was seen.
    const atMs = Math.ceil(100 * this.#at) / 100;
    const replica = "replica" in action ? this.#played?.members.indexOf(action.replica ?? "") ?? -1 : -1;
    const added: LinkedAction = action.action === "request"
      ? { atMs, action: "request", operation: action.operation }
      : { atMs, action: action.action, replica };
    const dropped = this.#actions.filter((one) => one.atMs > atMs).length;
    this.#actions = [...this.#actions.filter((one) => one.atMs <= atMs), added];
    this.#untilMs = Math.min(AHEAD.mostMs, Math.max(this.#untilMs, atMs + AHEAD.moreMs));
    const sink = this.#sink!;
    return new Promise((resolve, reject) => {
      this.#onDone?.("another action came first");
      this.#onDone = (failed) => (failed === null ? resolve(saidOf(action, atMs, dropped)) : reject(new Error(failed)));
      this.#order((played) => {
        this.#show(played, Math.max(atMs, this.#at));
        sink.trouble(brokenWords(played));
      });
    });
  }

  want(at: number): void {
    this.#at = at;
    const { link, lesson } = this.#options;
    const isNear = this.#played !== null && at > this.#played.endMs - AHEAD.nearMs;
    if (!isNear || this.#isBusy || lesson || link.run.kind !== "play" || this.#played?.violation) return;
    if (this.#untilMs >= AHEAD.mostMs) return;
    this.#untilMs = Math.min(AHEAD.mostMs, this.#untilMs + AHEAD.moreMs);
    const known = this.#played!.events.length;
    // What is known is the beginning of it.
    this.#order((played) => this.#add(played.events.slice(known)));
  }

  link(at: number | null): string {
    const { link: { run, atMs }, version } = this.#options;
    if (run.kind === "lesson") return formatLink({ run, actions: [], atMs: null, version: null });
    return formatLink({ run, actions: this.#actions, atMs: at ?? atMs, version });
  }

  /** Asks for the run anew. */
  #order(onPlayed: (played: Played) => void): void {
    const { link: { run }, script } = this.#options;
    // One that is busy with another run cannot be interrupted otherwise.
    if (this.#isBusy) {
      this.#worker?.terminate();
      this.#worker = null;
    }
    const worker = this.#worker ??= new Worker(script, { type: "module" });
    const id = ++this.#id;
    this.#isBusy = true;
    const done = (failed: string | null) => {
      if (id !== this.#id) return;
      this.#isBusy = false;
      if (failed !== null) this.#sink?.trouble(failed);
      this.#sink?.flush();
      this.#onDone?.(failed);
      this.#onDone = null;
    };
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      if (data.id !== id || !this.#sink) return;
      if ("failed" in data) return done(`The simulator cannot run this: ${data.failed}`);
      onPlayed(data);
      this.#played = data;
      done(null);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.#worker = null;
      const why = event.message ? `: ${event.message}` : "; is the server that gave this page still there?";
      done(`The simulator could not be loaded${why}`);
    };
    const played: Order["run"] = run.kind === "lesson" ? { kind: "play", replicas: 4 } : run;
    worker.postMessage({ id, run: played, actions: this.#actions, untilMs: this.#untilMs } satisfies Order);
  }

  #show({ members, events }: Played, at: number): void {
    this.#at = at;
    this.#sink!.begin(factsOf(this.name, members), "virtual", at);
    this.#add(events);
  }

  #add(events: readonly Happened[]): void {
    // The client opens its session before: that is not what is played with.
    const isPlay = this.#options.link.run.kind !== "seed";
    for (const [replica, at, event] of events) {
      if (isPlay && at < PLAY_STARTS_MS && EARLY.includes(event.kind)) continue;
      this.#sink!.event(replica, at, event as PageEvent);
    }
  }
}

function saidOf(action: Action, atMs: number, dropped: number): string {
  const what = action.action === "request" ? `${action.operation} is asked` : `${action.replica}: ${action.action}`;
  const more = dropped > 0 ? `; what was done later is undone (${dropped})` : "";
  return `${what} at ${(atMs / 1_000).toFixed(3)} s${more}`;
}

function brokenWords({ violation, events, members }: Played): string | null {
  if (!violation) return null;
  const { words, detail, invariant, atMs } = violation;
  const liars = new Set(
    events.flatMap(([replica, , event]) => event.kind === "state" && event.state === "lying" ? [replica] : []),
  ).size;
  const { faulty } = factsOf("", members);
  const excuse = liars > faulty
    ? `${liars} replicas lie, and at most f = ${faulty} may: nothing is promised then. `
    : "";
  return `BROKEN at ${(atMs / 1_000).toFixed(3)} s: ${words}. ${excuse}${detail} (${invariant})`;
}
