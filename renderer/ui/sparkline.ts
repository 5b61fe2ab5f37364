// The line of a sparkline: values from zero to the largest, over the width.
export function sparkPath(values: readonly number[], width: number, height: number): string {
  if (values.length < 2) return '';
  const top = Math.max(...values);
  const step = width / (values.length - 1);
  return values
    .map((value, index) => {
      const y = top <= 0 ? height : height - (value / top) * height;
      return `${index === 0 ? 'M' : 'L'}${round(index * step)} ${round(y)}`;
    })
    .join('');
}

const round = (value: number) => Math.round(value * 10) / 10;
