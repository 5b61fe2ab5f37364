/** Text that stands in HTML, in an attribute as well. */
export const escapeHtml = (text: string) =>
  text.replace(
    /[&<>"']/g,
    (each) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' })[each]!,
  );
