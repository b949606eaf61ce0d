/** Keys: each does what a button does. */

/** What keys do. */
export interface KeyHandlers {
  readonly toggle: () => void;
  readonly step: (by: 1 | -1) => void;
  readonly stepNumber: (by: 1 | -1) => void;
  readonly faster: (by: 1 | -1) => void;
  readonly live: () => void;
  readonly find: () => void;
  readonly lane: (replica: number) => void;
  readonly act: (what: "stop" | "pause" | "cut" | "lie") => void;
  readonly send: () => void;
  readonly statuses: () => void;
  readonly nothing: () => void;
  /** On in a lesson. */
  readonly next: () => void;
  readonly help: () => void;
}

/** Listens for keys, except where text is typed or a control has a use of its own for them. */
export function listenForKeys(on: KeyHandlers): void {
  document.addEventListener("keydown", (event) => {
    const { key, target, ctrlKey, metaKey, altKey, shiftKey } = event;
    if (ctrlKey || metaKey || altKey || document.querySelector("dialog[open]")) return;
    const element = target as HTMLElement;
    if (key === "Escape") {
      element.blur();
      return on.nothing();
    }
    if (element.matches("input[type=text], select, textarea")) return;
    const isArrow = key === "ArrowLeft" || key === "ArrowRight";
    if (isArrow && element.matches("input[type=range]")) return;
    if ((key === " " || key === "Enter") && element.matches("button, input, summary, a")) return;
    const does = handlerOf(key, shiftKey, on);
    if (!does) return;
    event.preventDefault();
    does();
  });
}

function handlerOf(key: string, shift: boolean, on: KeyHandlers): (() => void) | null {
  if (/^[1-9]$/.test(key)) return () => on.lane(Number(key) - 1);
  switch (key) {
    case " ":
      return on.toggle;
    case "ArrowLeft":
      return () => (shift ? on.stepNumber(-1) : on.step(-1));
    case "ArrowRight":
      return () => (shift ? on.stepNumber(1) : on.step(1));
    case "+":
    case "=":
      return () => on.faster(1);
    case "-":
      return () => on.faster(-1);
    case "0":
      return on.live;
    case "/":
      return on.find;
    case "k":
      return () => on.act("stop");
    case "p":
      return () => on.act("pause");
    case "c":
      return () => on.act("cut");
    case "l":
      return () => on.act("lie");
    case "r":
      return on.send;
    case "s":
      return on.statuses;
    case "n":
      return on.next;
    case "?":
      return on.help;
    default:
      return null;
  }
}
