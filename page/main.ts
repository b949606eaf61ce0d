/** Starts the page: by its link, a running cluster or a simulated one. */
import { App } from "./app.ts";
import { LiveFeed, type Settings } from "./feeds/live.ts";

const TOKEN = "pbft-token";

/** The fields after `#`. */
function fieldsOf(hash: string): URLSearchParams {
  return new URLSearchParams(hash.replace(/^#/, ""));
}

/** The token of the link. It is kept for this tab, and taken out of the address, so that nobody shares it by mistake. */
function takeToken(fields: URLSearchParams): string | null {
  const token = fields.get("token");
  if (token === null) return sessionStorage.getItem(TOKEN);
  sessionStorage.setItem(TOKEN, token);
  fields.delete("token");
  history.replaceState(null, "", `${location.pathname}${fields.size > 0 ? `#${fields}` : ""}`);
  return token;
}

async function settingsOf(): Promise<Settings> {
  const response = await fetch("settings.json", { cache: "no-store" });
  if (!response.ok) throw new Error(`settings.json: ${response.status}`);
  return await response.json();
}

const token = takeToken(fieldsOf(location.hash));
const settings = await settingsOf();
const app = new App({
  feeds: [{ id: "live", name: "Live", make: () => new LiveFeed(settings, token) }],
  first: "live",
  linkOf: () => null,
});
document.body.replaceChildren(app.element);
