/**
 * Data as read: one record an example, values by the names of the program's data, and the place it came from, so
 * that what is wrong with it can be said where it is.
 */
import { Failure } from "../failure.ts";
import type { Field } from "./field.ts";

/** As in JSON: a number, a text, or lists of them, nested like the axes. */
export type Value = number | string | boolean | null | readonly Value[] | { readonly [key: string]: Value };

export interface DataRecord {
  readonly values: Readonly<Record<string, Value>>;
  readonly file: string;
  /** From 1. */
  readonly line: number;
}

/** What a reader may need to know besides the text. */
export interface ReadContext {
  readonly fields: readonly Field[];
  /** One long sequence is cut into chunks: `tbptt`. */
  readonly chunked: boolean;
  /** Names of a file's columns from left to right, where the user gives them. */
  readonly columns: readonly string[] | null;
}

/** A kind of data: how a file of it becomes records. */
export interface Reader {
  /** Endings of file names, without `.gz`. */
  readonly endings: readonly string[];
  readonly read: (text: string, file: string, context: ReadContext) => readonly DataRecord[];
}

/** The same of files that are no text. */
export interface BinaryReader extends Pick<Reader, "endings"> {
  readonly readBytes: (bytes: Uint8Array, file: string, context: ReadContext) => readonly DataRecord[];
  /** Whether a file of a folder belongs to another of it, and is read with that. */
  readonly isBeside: (name: string, others: readonly string[]) => boolean;
}

export const wrongRecord = (
  record: Pick<DataRecord, "file" | "line">,
  message: string,
  hint: string | null = null,
): Failure => new Failure(`${record.file}:${record.line}: ${message}`, hint);
