/** What the browser remembers for a page. It may be told to keep nothing; then a page goes on without. */

/** The text under a key; `null`: there is none, or nothing is kept. */
export function remembered(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Keeps a text. Returns whether it is kept. */
export function remember(key: string, text: string): boolean {
  try {
    localStorage.setItem(key, text);
    return true;
  } catch {
    return false;
  }
}
