export const MUTANTS: readonly { readonly name: string }[] = [];
export const plant = (_: { readonly name: string }): URL => new URL('file:///');
