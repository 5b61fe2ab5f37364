// Which of the process's arguments are Warren's: Electron and Chromium leave their own switches in the list, and an
// app that is not packed has its folder as the first.
const theirs =
  /^(-psn_|--(no-sandbox|no-zygote|disable-|enable-|force-|ozone-|remote-debugging-|inspect|user-data-dir|use-|ignore-|lang=|js-flags|log-|v=|proxy-|allow-|gtk-|gpu|in-process-gpu|password-store|class=|original-process-start-time))/;

export function ownArguments(argv: string[], packaged: boolean): string[] {
  const rest = argv.slice(1).filter((each) => !theirs.test(each));
  return packaged ? rest : rest.slice(1);
}
