/** The built runtime as text: what `scripts/build.mjs` bundles under this name. */
declare module "rnnc:runtime" {
  const text: string;
  export default text;
}
