/** Programs of the standard library are bundled as their text, and parsed where the build has done it. */
declare module "*.rnn" {
  const file: {
    readonly source: string;
    readonly program: import("./parser/ast.ts").Program | null;
  };
  export default file;
}
