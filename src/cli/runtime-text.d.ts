/** The text of the runtime that goes into packages: made by the build, and named so in it. */
declare module "rnnc:runtime" {
  const text: string;
  export default text;
}
