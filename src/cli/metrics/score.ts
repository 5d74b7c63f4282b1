/** What a measurement gives: numbers with names, for people and for tools. */
export interface Measure {
  readonly key: string;
  readonly name: string;
  readonly value: number;
  readonly shown: string;
}

export const makeMeasure = (key: string, name: string, value: number, digits = 4): Measure => ({
  key,
  name,
  value,
  shown: Number.isInteger(value) ? String(value) : value.toFixed(digits),
});

/** The one number that a training is judged by. */
export interface Score extends Measure {
  /** Falls as the model gets better: training keeps the weights where it was least. */
  readonly loss: number;
}
