/** The texts of the runtimes that go into packages: made by the build, and named so in it. */
declare module "rnnc:runtime" {
  const text: string;
  export default text;
}
declare module "rnnc:runtime-searching" {
  const text: string;
  export default text;
}
declare module "rnnc:runtime-threaded" {
  const text: string;
  export default text;
}
declare module "rnnc:runtime-tfjs" {
  const text: string;
  export default text;
}
declare module "rnnc:runtime-tfjs-searching" {
  const text: string;
  export default text;
}
