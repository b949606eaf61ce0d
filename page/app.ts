/** The page: a feed's events, a cursor in their history, and what is shown of it. */
import type { Action, Feed, Sink } from "./feeds/feed.ts";
import { RecordingFeed } from "./feeds/recording.ts";
import type { ClusterFacts, Entry } from "./model/event.ts";
import { History } from "./model/history.ts";
import { Measures } from "./model/measures.ts";
import { Player } from "./model/player.ts";
import { Actions, offers, type ReplicaAction } from "./view/actions.ts";
import { Controls, type FeedChoice } from "./view/controls.ts";
import { Diagram } from "./view/diagram.ts";
import { h, setText } from "./view/dom.ts";
import { Help } from "./view/help.ts";
import { type Chosen, Inspector } from "./view/inspector.ts";
import { listenForKeys } from "./view/keys.ts";
import { LessonView } from "./view/lesson_view.ts";
import { SeedDialog } from "./view/seed_dialog.ts";
import type { LinkedRun, SimulationLink } from "../src/page/link.ts";
import type { Lesson } from "./lessons/lesson.ts";
import { LessonPlayer } from "./lessons/lesson_player.ts";
import { LogView } from "./view/log.ts";
import { Numbers } from "./view/numbers.ts";
import { Plots } from "./view/plots.ts";
import { isHousekeeping } from "./view/strokes.ts";

/** A feed that is chosen. */
export interface Opened {
  /** Its place among the choices. */
  readonly id: string;
  readonly feed: Feed;
  readonly lesson?: Lesson;
}

/** What the page can show. */
export interface AppOptions {
  readonly choices: readonly FeedChoice[];
  /** Opens one of them. */
  readonly open: (id: string) => Opened;
  /** Opens a seed; `null`: there is no simulator. */
  readonly openSeed: ((run: LinkedRun) => Opened) | null;
  /** Opens a link; `null`: there is no simulator. */
  readonly openLink: ((link: SimulationLink) => Opened) | null;
  readonly first: Opened;
  /** The whole address of a link. */
  readonly addressOf: (link: string) => string;
}

/** The choice that asks for a seed. */
export const SEED = "seed";
/** The choice that is a cluster to play with. */
export const PLAY = "play";

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
  readonly #lessonView: LessonView;
  readonly #seedDialog: SeedDialog;
  #warning: string | null = null;
  #troubleOfFeed: string | null = null;
  #opened: Opened;
  #lesson: LessonPlayer | null = null;
  readonly #reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
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

  constructor(options: AppOptions) {
    this.#options = options;
    this.#lessonView = new LessonView({ back: () => this.#lessonStep(-1), next: () => this.#lessonStep(1) });
    this.#seedDialog = new SeedDialog((run) => this.open(options.openSeed!(run)));
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
      this.#lessonView.element,
      h("main", {}, this.#diagram.element, this.#inspector.element, this.#numbers.element, this.#log.element),
      h("footer", {}, this.#plots.element, this.#actions.element),
      this.#help.element,
      this.#seedDialog.element,
    );
    this.#listen();
    this.#opened = options.first;
    this.#feed = options.first.feed;
    this.#player = new Player(this.#feed.isLive);
    this.open(options.first);
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

  /** Shows one of the choices. */
  choose(id: string): void {
    if (id !== SEED) return this.open(this.#options.open(id));
    this.#controls.setFeeds(this.#options.choices, this.#opened.id);
    this.#seedDialog.show();
  }

  /** Shows what was chosen, and puts it into the address. */
  open(opened: Opened): void {
    this.#opened = opened;
    const link = opened.feed.link?.(null) ?? "";
    history.replaceState(null, "", `${location.pathname}${location.search}${link === "" ? "" : `#${link}`}`);
    this.#controls.setFeeds(this.#options.choices, opened.id);
    this.warn(null);
    this.show(opened.feed);
  }

  /** Shows this feed. */
  show(feed: Feed): void {
    if (this.#feed !== feed) this.#feed.stop();
    if (this.#opened.feed !== feed) this.#opened = { id: this.#opened.id, feed };
    this.#feed = feed;
    this.#lesson = null;
    this.#history = null;
    this.#measures = null;
    this.#player = new Player(feed.isLive);
    this.#nothing();
    this.#actions.say("");
    this.#actions.offer(feed.operation);
    this.trouble(null);
    feed.start(this);
  }

  begin(facts: ClusterFacts, clock: "wall" | "virtual", at = 0): void {
    this.#history = new History(facts, clock === "virtual");
    this.#measures = new Measures(facts.members.length);
    this.#clock = clock;
    this.#chosen = this.#chosen?.kind === "lane" ? this.#chosen : null;
    this.#player.at = at;
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
    if (this.#player.at === 0) this.#player.at = this.#feed.isLive ? history.lastAt : history.firstAt;
    const { lesson } = this.#opened;
    if (lesson && !this.#lesson) {
      this.#lesson = new LessonPlayer(lesson, history);
      this.#lesson.show(this.#player);
    }
  }

  trouble(text: string | null): void {
    this.#troubleOfFeed = text;
    this.#showTrouble();
  }

  /** Says what is wrong with the link of the page, until something else is opened. */
  warn(text: string | null): void {
    this.#warning = text;
    this.#showTrouble();
  }

  #showTrouble(): void {
    const texts = [this.#warning, this.#troubleOfFeed].filter((text) => text !== null);
    setText(this.#trouble, texts.join(". "));
    this.#trouble.hidden = texts.length === 0;
    this.#isStale = true;
  }

  #tick(elapsedMs: number): void {
    const history = this.#history;
    const before = this.#player.at;
    if (history && history.length > 0) {
      // Nothing need happen for time to go on.
      const sinceMs = this.#feed.isLive ? Math.min(performance.now() - this.#newest.seenAt, 60_000) : 0;
      const isLed = this.#lesson?.tick(this.#player, elapsedMs) ?? false;
      if (!isLed) this.#player.tick(elapsedMs, history.lastAt + sinceMs);
      this.#feed.want?.(this.#player.at);
    }
    if (this.#player.at !== before || this.#isStale) this.#draw();
  }

  #draw(): void {
    this.#isStale = false;
    const history = this.#history;
    const { at } = this.#player;
    const timeText = (time: number) => this.#timeText(time);
    if (!history) this.#lessonView.draw(null, null);
    if (!history) return this.#controls.draw(null, this.#player, { timeText: "", part: 1, canShare: false });
    const count = history.countUntil(at);
    const view = history.stateAfter(count);
    const span = Math.max(1e-6, history.lastAt - history.firstAt);
    const canShare = this.#link() !== null;
    this.#lessonView.draw(this.#lesson, this.#nextLesson()?.name ?? null);
    const look = this.#lesson?.step.look ?? {};
    for (const [name, panel] of [["numbers", this.#numbers], ["log", this.#log]] as const) {
      panel.element.classList.toggle("looked", look.panel === name);
    }
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
      look,
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
    this.#diagram.reveal(replica);
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
    // It takes place at the moment that is shown, which may have been chosen since the last frame.
    this.#feed.want?.(this.#player.at);
    try {
      this.#actions.say(await this.#feed.act(action));
    } catch (error) {
      this.#actions.say((error as Error).message, true);
    }
  }

  #key(what: "stop" | "pause" | "cut" | "lie"): void {
    const history = this.#history;
    if (!history || this.#lane === null) return this.#actions.say("choose a replica first: 1 … 9", true);
    const count = this.#feed.isLive ? history.length : history.countUntil(this.#player.at);
    const { process } = history.stateAfter(count).replicas[this.#lane]!;
    this.#isStale = true;
    const pairs = {
      stop: ["stop", "start"],
      pause: ["pause", "resume"],
      cut: ["cut", "join"],
      lie: ["lie"],
    } as const;
    const action = pairs[what].find((one: ReplicaAction) => offers(process).includes(one));
    const replica = history.facts.members[this.#lane]!;
    if (action) void this.#act({ action, replica });
    else this.#actions.say(`${replica} is ${process}: ${what} is not possible now`, true);
  }

  /** The address that shows the same; `null`: nobody else can see it. */
  #link(): string | null {
    const link = this.#feed.link?.(Math.max(0, this.#player.at)) ?? null;
    return link === null ? null : this.#options.addressOf(link);
  }

  /** The lesson after this one. */
  #nextLesson(): FeedChoice | null {
    const { choices } = this.#options;
    const next = choices[choices.findIndex(({ id }) => id === this.#opened.id) + 1];
    return next?.isLesson ? next : null;
  }

  #lessonStep(by: 1 | -1): void {
    const lesson = this.#lesson;
    if (!lesson) return;
    this.#isStale = true;
    if (by < 0) return lesson.back(this.#player);
    if (!lesson.isLast) return lesson.next(this.#player, this.#reducedMotion.matches);
    this.choose(this.#nextLesson()?.id ?? PLAY);
  }

  async #share(): Promise<void> {
    const link = this.#link();
    if (link === null) return;
    // Also where the page may not write to the clipboard.
    history.replaceState(null, "", link);
    await navigator.clipboard.writeText(link).then(
      () => this.#actions.say("the link is copied"),
      () => this.#actions.say("the link is in the address of this page; copy it from there"),
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
      next: () => this.#lessonStep(1),
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
