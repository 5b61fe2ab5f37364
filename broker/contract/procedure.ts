// Procedures: the unit of the contract. A procedure is a schema for what comes in and a type for what goes
// out; a table of them fixes what one side offers. Handlers are typed against the table, so a missing or
// misnamed handler does not compile, and inputs are checked at run time where they cross a boundary.
import * as v from 'valibot';

export interface Procedure<Input, Output> {
  readonly input: v.GenericSchema<unknown, Input>;
  /** Queries change nothing and may be watched; commands change state and may not. */
  readonly kind: 'query' | 'command';
  /** Type level only: never present at run time. */
  readonly output: Output;
}

export type InputOf<P> = P extends { readonly input: v.GenericSchema<unknown, infer Input> } ? Input : never;
export type OutputOf<P> = P extends { readonly output: infer Output } ? Output : never;

/** One handler per procedure of a table; `Context` says who asks. */
export type Handlers<Table, Context> = {
  [Name in keyof Table]: (
    input: InputOf<Table[Name]>,
    context: Context,
  ) => OutputOf<Table[Name]> | Promise<OutputOf<Table[Name]>>;
};

/** Declares a query: `query(schema)<Output>()`. */
export function query<Input>(input: v.GenericSchema<unknown, Input>) {
  return <Output>(): Procedure<Input, Output> => ({ input, kind: 'query' }) as Procedure<Input, Output>;
}

/** Declares a command: `command(schema)<Output>()`. */
export function command<Input>(input: v.GenericSchema<unknown, Input>) {
  return <Output>(): Procedure<Input, Output> => ({ input, kind: 'command' }) as Procedure<Input, Output>;
}
