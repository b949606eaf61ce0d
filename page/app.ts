/** The page: a feed's events, a cursor in their history, and what is shown of it. */
import type { Action, Feed, Sink } from "./feeds/feed.ts";
import { RecordingFeed } from "./feeds/recording.ts";
import type { ClusterFacts, Entry } from "./model/event.ts";
import { History } from "./model/history.ts";
import { Measures } from "./model/measures.ts";
import { Player } from "./model/player.ts";
import { Actions, offers } from "./view/actions.ts";
import { Controls, type FeedChoice } from "./view/controls.ts";
import { Diagram } from "./view/diagram.ts";
import { h, setText } from "./view/dom.ts";
import { Help } from "./view/help.ts";
import { type Chosen, Inspector } from "./view/inspector.ts";
import { listenForKeys } from "./view/keys.ts";
import { LogView } from "./view/log.ts";
import { Numbers } from "./view/numbers.ts";
import { Plots } from "./view/plots.ts";
import { isHousekeeping } from "./view/strokes.ts";

/** The feeds that can be chosen, and how they are made. */
export interface AppOptions {
  readonly feeds: readonly (FeedChoice & { readonly make: () => Feed })[];
  readonly first: string;
  /** A link to what is shown; `null`: it cannot be shared. */
  readonly linkOf: (feed: Feed, at: number) => string | null;
}

/** Frames are drawn at most this often, ms. */
const FRAME_MS = 40;

/** The page. */
export class App implements Sink {
  readonly element: HTMLElement;
  readonly #options: AppOptions;
  readonly #trouble = h("p", { class: "trouble", role: "alert" });
  readonly #controls: Controls;
  readonly #diagram: Diagram;
  readonly #numbers: Numbers;
  readonly #log = new LogView();
  readonly #inspector = new Inspector();
  readonly #plots = new Plots();
  readonly #actions: Actions;
  readonly #help = new Help();
  #feed: Feed;
  #history: History | null = null;
  #measures: Measures | null = null;
  #player: Player;
  #clock: "wall" | "virtual" = "wall";
  #chosen: Chosen = null;
  #lane: number | null = null;
  #showsStatuses = false;
  #isStale = true;
  /** The clocks of this machine at the newest event: the time goes on between events. */
  #newest = { at: 0, seenAt: 0 };
  #startAt: number | null = null;

  constructor(options: AppOptions) {
    this.#options = options;
    this.#controls = new Controls({
      toggle: () => this.#toggle(),
      step: (by) => this.#step(by),
      live: () => this.#goLive(),
      speed: (speed) => this.#change(() => this.#player.setSpeed(speed)),
      seek: (part) => this.#seek(part),
      find: (sequence) => this.#find(sequence),
      statuses: (isShown) => this.#change(() => this.#showsStatuses = isShown),
      share: () => void this.#share(),
      help: () => this.#help.show(),
      feed: (id) => this.choose(id),
    });
    this.#diagram = new Diagram({
      lane: (replica) => this.#chooseLane(replica),
      arrow: (arrow) => this.#change(() => this.#chosen = { kind: "arrow", arrow }),
    });
    this.#numbers = new Numbers((sequence) => this.#change(() => this.#chosen = { kind: "number", sequence }));
    this.#actions = new Actions((action) => void this.#act(action));
    this.element = h(
      "div",
      { class: "page" },
      this.#controls.element,
      this.#trouble,
      h("main", {}, this.#diagram.element, this.#inspector.element, this.#numbers.element, this.#log.element),
      h("footer", {}, this.#plots.element, this.#actions.element),
      this.#help.element,
    );
    this.#listen();
    this.#feed = options.feeds[0]!.make();
    this.#player = new Player(this.#feed.isLive);
    this.choose(options.first);
    let last = performance.now();
    const frame = (now: number) => {
      if (now - last >= FRAME_MS) {
        this.#tick(now - last);
        last = now;
      }
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  /** Shows another feed. `at`: where in it. */
  choose(id: string, at: number | null = null): void {
    const chosen = this.#options.feeds.find((feed) => feed.id === id) ?? this.#options.feeds[0]!;
    this.#controls.setFeeds(this.#options.feeds, chosen.id);
    this.show(chosen.make(), at);
  }

  /** Shows this feed. */
  show(feed: Feed, at: number | null = null): void {
    this.#feed.stop();
    this.#feed = feed;
    this.#history = null;
    this.#measures = null;
    this.#player = new Player(feed.isLive);
    this.#startAt = at;
    this.#nothing();
    this.#actions.say("");
    this.trouble(null);
    feed.start(this);
  }

  begin(facts: ClusterFacts, clock: "wall" | "virtual"): void {
    this.#history = new History(facts);
    this.#measures = new Measures(facts.members.length);
    this.#clock = clock;
    this.#chosen = null;
    this.#player.at = 0;
  }

  event(...[replica, at, event]: Parameters<Sink["event"]>): void {
    const history = this.#history;
    if (!history || (event.kind === "gap" && history.length === 0)) return;
    const entry = history.add(replica, event.kind === "gap" ? Math.max(history.lastAt, history.firstAt) : at, event);
    this.#measures!.note(entry);
  }

  flush(): void {
    const history = this.#history;
    this.#isStale = true;
    if (!history || history.length === 0) return;
    if (this.#newest.at !== history.lastAt) this.#newest = { at: history.lastAt, seenAt: performance.now() };
    if (this.#player.at === 0) {
      this.#player.at = this.#startAt ?? (this.#feed.isLive ? history.lastAt : history.firstAt);
      if (this.#startAt !== null) this.#player.pause();
    }
  }

  trouble(text: string | null): void {
    setText(this.#trouble, text ?? "");
    this.#trouble.hidden = text === null;
    this.#isStale = true;
  }

  #tick(elapsedMs: number): void {
    const history = this.#history;
    const before = this.#player.at;
    if (history && history.length > 0) {
      // Nothing need happen for time to go on.
      const sinceMs = this.#feed.isLive ? Math.min(performance.now() - this.#newest.seenAt, 60_000) : 0;
      this.#player.tick(elapsedMs, history.lastAt + sinceMs);
      this.#feed.want?.(this.#player.at);
    }
    if (this.#player.at !== before || this.#isStale) this.#draw();
  }

  #draw(): void {
    this.#isStale = false;
    const history = this.#history;
    const { at } = this.#player;
    const timeText = (time: number) => this.#timeText(time);
    if (!history) return this.#controls.draw(null, this.#player, { timeText: "", part: 1, canShare: false });
    const count = history.countUntil(at);
    const view = history.stateAfter(count);
    const span = Math.max(1e-6, history.lastAt - history.firstAt);
    const canShare = this.#options.linkOf(this.#feed, at) !== null;
    this.#controls.draw(view, this.#player, {
      timeText: this.#timeText(at, !this.#player.isPlaying),
      part: Math.max(0, Math.min(1, (at - history.firstAt) / span)),
      canShare,
    });
    this.#diagram.draw({
      history,
      count,
      at,
      view,
      speed: this.#player.speed,
      isPlaying: this.#player.isPlaying,
      showsStatuses: this.#showsStatuses,
      chosenLane: this.#lane,
      chosenArrow: this.#chosen?.kind === "arrow" ? this.#chosen.arrow : null,
      timeText,
    });
    this.#numbers.draw(view, this.#chosen?.kind === "number" ? this.#chosen.sequence : null);
    this.#log.draw(history, count, timeText);
    this.#inspector.draw(view, this.#chosen, timeText, history.clocks.largest(view.replicas.length));
    this.#plots.draw(this.#measures!, at);
    this.#actions.draw(view, this.#lane, this.#feed.actions);
  }

  /** `isExact`: events may be less than a millisecond apart. */
  #timeText(at: number, isExact = false): string {
    if (this.#clock === "virtual") return `${(at / 1_000).toFixed(isExact ? 5 : 3)} s`;
    const date = new Date(at);
    const two = (value: number) => String(value).padStart(2, "0");
    return `${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, "0")}${
      isExact ? two(Math.floor(100 * (at % 1))) : ""
    }`;
  }

  #change(change: () => void): void {
    change();
    this.#isStale = true;
  }

  #toggle(): void {
    this.#change(() => this.#player.isPlaying ? this.#player.pause() : this.#player.play());
  }

  #goLive(): void {
    this.#change(() => {
      this.#player.live();
      this.#player.at = this.#history?.lastAt ?? 0;
    });
  }

  #step(by: 1 | -1): void {
    const history = this.#history;
    if (!history) return;
    this.#change(() => {
      this.#player.step(history, by, (entry) => this.#isShown(history, entry));
      const entry = history.at(history.countUntil(this.#player.at) - 1);
      const arrow = entry && history.arrowsOf(entry).find((one) => this.#showsStatuses || !isHousekeeping(one));
      this.#chosen = arrow ? { kind: "arrow", arrow } : this.#chosen;
    });
  }

  /** Whether the diagram shows something of an event. */
  #isShown(history: History, entry: Entry): boolean {
    const arrows = history.arrowsOf(entry);
    return arrows.length === 0
      ? entry.event.kind !== "snapshot"
      : this.#showsStatuses || arrows.some((arrow) => !isHousekeeping(arrow));
  }

  #stepNumber(by: 1 | -1): void {
    const history = this.#history;
    if (!history) return;
    this.#change(() => {
      const sequence = this.#player.stepNumber(history, by);
      if (sequence !== null) this.#chosen = { kind: "number", sequence };
    });
  }

  #seek(part: number): void {
    const history = this.#history;
    if (!history) return;
    this.#change(() => {
      this.#player.pause();
      this.#player.at = history.firstAt + part * (history.lastAt - history.firstAt);
    });
  }

  /** Chooses a number, and goes to where it is executed first if that is in the history. */
  #find(sequence: number): void {
    const history = this.#history;
    if (!history) return;
    this.#change(() => {
      this.#chosen = { kind: "number", sequence };
      for (let index = 0; index < history.length; index++) {
        const { event, at } = history.at(index)!;
        if (event.kind !== "stage" || event.sequence !== sequence || event.stage !== "executed") continue;
        this.#player.pause();
        this.#player.at = at;
        return this.#actions.say("");
      }
      this.#actions.say(`number ${sequence} is not among the events that are kept`, true);
    });
  }

  #chooseLane(replica: number): void {
    if (replica >= (this.#history?.facts.members.length ?? 0)) return;
    this.#change(() => {
      this.#lane = replica;
      this.#chosen = { kind: "lane", replica };
    });
  }

  #nothing(): void {
    this.#change(() => {
      this.#chosen = null;
      this.#lane = null;
    });
  }

  async #act(action: Action): Promise<void> {
    if (!this.#feed.actions.includes(action.action)) {
      return this.#actions.say(`${action.action} is not possible here`, true);
    }
    this.#actions.say("…");
    try {
      this.#actions.say(await this.#feed.act(action));
    } catch (error) {
      this.#actions.say((error as Error).message, true);
    }
  }

  #key(what: "stop" | "pause" | "cut"): void {
    const history = this.#history;
    if (!history || this.#lane === null) return this.#actions.say("choose a replica first: 1 … 9", true);
    const { process } = history.stateAfter(history.length).replicas[this.#lane]!;
    this.#isStale = true;
    const pairs = {
      stop: ["stop", "start"],
      pause: ["pause", "resume"],
      cut: ["cut", "join"],
    } as const;
    const action = pairs[what].find((one) => offers(process).includes(one));
    const replica = history.facts.members[this.#lane]!;
    if (action) void this.#act({ action, replica });
    else this.#actions.say(`${replica} is ${process}: ${what} is not possible now`, true);
  }

  async #share(): Promise<void> {
    const link = this.#options.linkOf(this.#feed, this.#player.at);
    if (link === null) return;
    await navigator.clipboard.writeText(link).then(
      () => this.#actions.say("the link is copied"),
      () => this.#actions.say(link),
    );
  }

  #listen(): void {
    listenForKeys({
      toggle: () => this.#toggle(),
      step: (by) => this.#step(by),
      stepNumber: (by) => this.#stepNumber(by),
      faster: (by) => this.#change(() => this.#player.faster(by)),
      live: () => this.#goLive(),
      find: () => this.#controls.focusFind(),
      lane: (replica) => this.#chooseLane(replica),
      act: (what) => this.#key(what),
      send: () => this.#actions.send(),
      statuses: () => document.querySelector<HTMLInputElement>("#statuses")!.click(),
      nothing: () => this.#nothing(),
      help: () => this.#help.show(),
    });
    addEventListener("resize", () => this.#isStale = true);
    this.element.addEventListener("dragover", (event) => event.preventDefault());
    this.element.addEventListener("drop", (event) => {
      event.preventDefault();
      const file = event.dataTransfer?.files[0];
      if (file) void this.#open(file);
    });
  }

  /** Shows a recording. */
  async #open(file: File): Promise<void> {
    try {
      this.show(await RecordingFeed.read(file));
    } catch (error) {
      this.trouble((error as Error).message);
    }
  }
}
