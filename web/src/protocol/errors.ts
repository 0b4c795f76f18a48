/** What can go wrong, by name. The words for it are in `words/`. */

/** The largest picture taken, in pixels. */
export const MAX_PIXELS = 50e6;

/** Names of errors that cross between workers and view. */
export type Kind =
  | "NotAPicture"
  | "Damaged"
  | "Unreadable"
  | "Heic"
  | "Svg"
  | "Text"
  | "Document"
  | "Video"
  | "TooLarge"
  | "NoMemory"
  | "NoCamera"
  | "NoBackend"
  | "EngineFailed"
  | "NoModel"
  | "NoPart"
  | "NoClipboard"
  | "NoSave";

/** An error with a name from the list; its message is for the developer. */
export function problem(kind: Kind, detail: string = kind): Error {
  const error = new Error(detail);
  error.name = kind;
  return error;
}
