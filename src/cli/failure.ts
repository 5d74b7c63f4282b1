/**
 * What ends a command early: a sentence for the user and the exit code. 1 says that the program or the data is wrong,
 * 2 that the command was called wrongly. Anything else that is thrown is a fault of ours, and is shown as one.
 */
export class Failure extends Error {
  override readonly name = "Failure";

  constructor(
    message: string,
    /** A way out, or null where the message says it all. */
    readonly hint: string | null = null,
    readonly exitCode: 1 | 2 | 130 = 1,
  ) {
    super(message);
  }
}

/** The command was called wrongly. */
export const misuse = (message: string, hint: string | null = null): Failure => new Failure(message, hint, 2);

/** An error of the operating system has a code: `ENOENT`, `ENOSPC`. */
export const systemCode = (error: unknown): string | null =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : null;

/** What a failing file operation means, in the user's words. */
export function fileFailure(error: unknown, path: string, doing: "read" | "write"): unknown {
  const code = systemCode(error);
  const shown = `\`${path}\``;
  switch (code) {
    case "ENOENT":
      return new Failure(
        doing === "read" ? `${shown} does not exist.` : `The folder of ${shown} does not exist.`,
      );
    case "EACCES":
    case "EPERM":
      return new Failure(
        doing === "read" ? `${shown} may not be read.` : `${shown} may not be written.`,
        "Check the permissions of the file and of its folder.",
      );
    case "EROFS":
      return new Failure(`${shown} lies on a file system that may not be written.`);
    case "EISDIR":
      return new Failure(`${shown} is a folder, not a file.`);
    case "ENOTDIR":
      return new Failure(`A part of ${shown} is a file, not a folder.`);
    case "EEXIST":
      return new Failure(`${shown} exists already, and is not a folder.`);
    case "ENAMETOOLONG":
      return new Failure(`The name ${shown} is too long for the file system.`);
    case "ENOSPC":
    case "EDQUOT":
      return new Failure(
        `The disk is full: ${shown} was not written.`,
        "What was there before is untouched; free some space and run the command again.",
      );
    case "EFBIG":
      return new Failure(`${shown} would be larger than a file may be.`);
    case "EIO":
      return new Failure(`The disk reports an error at ${shown}.`);
    case null:
      return error;
    default:
      return new Failure(`${shown} could not be ${doing === "read" ? "read" : "written"} (${code}).`);
  }
}

export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
