/**
 * Documents that fit themselves to a width, after Wadler's "A prettier printer" (2003), cut to what the formatter
 * needs: a group is laid out on one line if it fits, else every line of its own becomes a line break.
 */
export type Doc =
  | string
  | readonly Doc[]
  /** A break, or `flat` where its group fits. */
  | { readonly kind: "line"; readonly flat: string }
  /** A comment: breaks every group around it, and takes no room, since it can't be broken. */
  | { readonly kind: "remark"; readonly text: string; readonly ownLine: boolean }
  | { readonly kind: "group" | "indent"; readonly body: Doc };

export const line: Doc = { kind: "line", flat: " " };
export const softLine: Doc = { kind: "line", flat: "" };
export const group = (...body: Doc[]): Doc => ({ kind: "group", body });
export const indent = (...body: Doc[]): Doc => ({ kind: "indent", body });

export const join = (docs: readonly Doc[], separator: Doc): Doc =>
  docs.flatMap((doc, i) => (i === 0 ? [doc] : [separator, doc]));

/** The widest line that the formatter writes of its own accord. */
export const columns = 110;

/** Columns, as an editor counts them for letters. */
export const widthOf = (text: string): number => [...text].length;

interface Piece {
  readonly doc: Doc;
  readonly indent: number;
  readonly flat: boolean;
}

/** `margin` columns are taken before the first line and on every other. */
export function layout(doc: Doc, width: number, margin: number): string {
  const step = 2;
  let text = "";
  let column = margin;
  // Innermost last: what is still to be set.
  const rest: Piece[] = [{ doc, indent: 0, flat: false }];
  for (let piece = rest.pop(); piece !== undefined; piece = rest.pop()) {
    const { doc: here, indent: depth, flat } = piece;
    if (typeof here === "string") {
      text += here;
      column += widthOf(here);
    } else if (isList(here)) {
      for (const child of here.toReversed()) rest.push({ doc: child, indent: depth, flat });
    } else if (here.kind === "line") {
      text = flat ? text + here.flat : `${text.trimEnd()}\n${" ".repeat(depth)}`;
      column = flat ? column + widthOf(here.flat) : margin + depth;
    } else if (here.kind === "remark") {
      text += here.ownLine ? `\n${" ".repeat(depth)}${here.text}` : `  ${here.text}`;
    } else if (here.kind === "indent") {
      rest.push({ doc: here.body, indent: depth + step, flat });
    } else {
      const fits = flat || (!hasRemark(here.body) && fitsIn(width - column, here.body, rest));
      rest.push({ doc: here.body, indent: depth, flat: fits });
    }
  }
  return text;
}

/** Whether a group set flat, and what follows it up to the next possible break, fits. */
function fitsIn(room: number, body: Doc, after: readonly Piece[]): boolean {
  let left = room;
  let next = after.length;
  const stack: Piece[] = [{ doc: body, indent: 0, flat: true }];
  while (left >= 0) {
    const piece = stack.pop() ?? after[--next];
    if (piece === undefined) return true;
    const { doc, flat } = piece;
    if (typeof doc === "string") left -= widthOf(doc);
    else if (isList(doc)) for (const child of doc.toReversed()) stack.push({ ...piece, doc: child });
    else if (doc.kind === "line") {
      if (!flat) return true;
      left -= widthOf(doc.flat);
    } else if (doc.kind !== "remark") stack.push({ ...piece, doc: doc.body });
  }
  return false;
}

const hasRemark = (doc: Doc): boolean => {
  if (typeof doc === "string") return false;
  if (isList(doc)) return doc.some(hasRemark);
  if (doc.kind === "line") return false;
  return doc.kind === "remark" || hasRemark(doc.body);
};

const isList = (doc: Doc): doc is readonly Doc[] => Array.isArray(doc);
