/** Starts the page: by its link, a running cluster or a simulated one. */
import { type LinkedRun, LinkError, parseLink, type SimulationLink } from "../src/page/link.ts";
import { App, type AppOptions, type Opened, PLAY, SEED } from "./app.ts";
import { LiveFeed, type Settings } from "./feeds/live.ts";
import { SimulatedFeed } from "./feeds/simulated.ts";
import { LESSONS } from "./lessons/lessons.ts";

const TOKEN = "pbft-token";
const LIVE = "live";
const LESSON = "lesson-";

/** What a tab keeps; `null` where the browser lets a page keep nothing. */
function storage(): Storage | null {
  let kept: Storage | null = null;
  try {
    kept = sessionStorage;
  } catch {
    // The access itself throws there.
  }
  return kept;
}

/** The token of the link. It is kept for this tab, and taken out of the address, so that nobody shares it by mistake. */
function takeToken(): string | null {
  const fields = new URLSearchParams(location.hash.replace(/^#/, ""));
  const token = fields.get("token");
  if (token === null) return storage()?.getItem(TOKEN) ?? null;
  storage()?.setItem(TOKEN, token);
  fields.delete("token");
  history.replaceState(null, "", `${location.pathname}${fields.size > 0 ? `#${fields}` : ""}`);
  return token;
}

async function settingsOf(): Promise<Settings> {
  const response = await fetch("settings.json", { cache: "no-store" });
  if (!response.ok) throw new Error(`settings.json: ${response.status}`);
  return await response.json();
}

/** What the server of this page has. */
function optionsOf({ feed, simulator, ...settings }: Settings, token: string | null): Omit<AppOptions, "first"> {
  const { version } = settings;
  const opening = (link: SimulationLink): Opened => {
    const { run } = link;
    if (run.kind !== "lesson") {
      return { id: run.kind, feed: new SimulatedFeed({ link, script: simulator!, version }) };
    }
    const lesson = LESSONS.find(({ id }) => id === run.lesson);
    if (!lesson) throw new LinkError(`there is no lesson ${run.lesson}`);
    const { id, actions, title, untilMs, startMs } = lesson;
    const played = { ...link, run: { kind: "lesson", lesson: id }, actions, atMs: startMs } as const;
    return {
      id: LESSON + id,
      feed: new SimulatedFeed({ link: played, script: simulator!, version, lesson: { title, untilMs } }),
      lesson,
    };
  };
  const linkTo = (run: LinkedRun): SimulationLink => ({ run, actions: [], atMs: null, version });
  return {
    choices: [
      ...(feed === undefined ? [] : [{ id: LIVE, name: "Live" }]),
      ...(simulator === undefined ? [] : [
        { id: PLAY, name: "Simulated" },
        { id: SEED, name: "A seed …" },
        ...LESSONS.map(({ id, title }) => ({ id: LESSON + id, name: title, isLesson: true })),
      ]),
    ],
    open: (id) => {
      if (id === LIVE) return { id, feed: new LiveFeed({ ...settings, feed: feed! }, token) };
      if (id === PLAY) return opening(linkTo({ kind: "play", replicas: 4 }));
      return opening(linkTo({ kind: "lesson", lesson: id.slice(LESSON.length) }));
    },
    openSeed: simulator === undefined ? null : (run) => opening(linkTo(run)),
    openLink: simulator === undefined ? null : opening,
    addressOf: (link) => `${location.origin}${location.pathname}#${link}`,
  };
}

/** What the address opens; `null`: it names no simulation, or there is none here. */
function openedBy(options: Omit<AppOptions, "first">): Opened | null {
  const link = parseLink(location.hash);
  return link && (options.openLink?.(link) ?? null);
}

const token = takeToken();
const options = optionsOf(await settingsOf(), token);
let wrong: string | null = null;
let opened: Opened | null = null;
try {
  opened = openedBy(options);
} catch (error) {
  if (!(error instanceof LinkError)) throw error;
  wrong = `The link cannot be read: ${error.message}`;
}
const app = new App({ ...options, first: opened ?? options.open(options.choices[0]?.id ?? LIVE) });
document.body.replaceChildren(app.element);
app.warn(wrong);
addEventListener("hashchange", () => {
  try {
    const next = openedBy(options);
    if (next) app.open(next);
  } catch (error) {
    app.warn(`The link cannot be read: ${(error as Error).message}`);
  }
});
