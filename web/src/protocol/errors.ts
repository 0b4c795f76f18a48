/** What went wrong, in words a person understands. */

/** The largest picture taken, in pixels. */
export const MAX_PIXELS = 50e6;

/** Names of errors that cross between workers and view. */
export type Kind =
  | "NotAPicture"
  | "TooLarge"
  | "NoMemory"
  | "NoCamera"
  | "NoBackend"
  | "EngineFailed"
  | "NoModel"
  | "NoClipboard"
  | "NoSave";

const WORDS: Record<Kind, string> = {
  NotAPicture: "This is not a picture that this browser can read, or it is damaged. PNG, JPEG and WebP work everywhere.",
  TooLarge: "This picture is too large: at most 50 megapixels fit.",
  NoMemory: "There is not enough memory for this picture. Close other tabs or use a smaller copy.",
  NoCamera: "No camera can be used. Is one connected, and may this page use it?",
  NoBackend: "No way of computing gives right results in this browser. A current Chrome, Edge, Firefox or Safari works.",
  EngineFailed: "This machine could not compute the picture, not even in small tiles. Close other tabs and try again.",
  NoModel: "The model could not be fetched. Check the connection and try again.",
  NoClipboard: "The browser did not allow copying. Save the picture instead.",
  NoSave: "This browser cannot write a JPEG of this size. Save it as PNG instead.",
};

/** An error with a name from the list; its message is for the developer. */
export function problem(kind: Kind, detail = ""): Error {
  const error = new Error(detail || WORDS[kind]);
  error.name = kind;
  return error;
}

/** The sentence to show for any error. */
export function inWords(error: unknown): string {
  const name = error instanceof Error ? error.name : "";
  if (name in WORDS) return WORDS[name as Kind];
  if (error instanceof RangeError && /memory|allocat/i.test(error.message)) return WORDS.NoMemory;
  return `Something went wrong: ${error instanceof Error ? error.message : String(error)}`;
}
