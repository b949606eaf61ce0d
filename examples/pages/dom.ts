/** The elements of a page. */

/** The element with an id. @throws {TypeError} if there is none of that class. */
export function byId<T extends Element>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (found instanceof type) return found;
  throw new TypeError(`#${id}: expected ${type.name}, got ${found?.tagName ?? "nothing"}`);
}

/** Makes an element with a class and content. */
export function make(tag: keyof HTMLElementTagNameMap, className: string, ...content: (Node | string)[]): HTMLElement {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...content);
  return element;
}

/** Shows the text in an element. */
export function show(id: string, text: string): void {
  byId(id, HTMLElement).textContent = text;
}

/** A list of names: "Apple, Ball and Candy". */
export function listOf(names: readonly string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
