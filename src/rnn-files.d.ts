/** Programs of the standard library are bundled as text. */
declare module "*.rnn" {
  const source: string;
  export default source;
}
