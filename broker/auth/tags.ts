// What a user's tags let it do in the management, as RabbitMQ reads them.

export function isAdministrator(tags: readonly string[]): boolean {
  return tags.includes('administrator');
}

export function isMonitor(tags: readonly string[]): boolean {
  return tags.includes('monitoring') || isAdministrator(tags);
}

export function isPolicymaker(tags: readonly string[]): boolean {
  return tags.includes('policymaker') || isAdministrator(tags);
}

/** Whether it may use the management at all. */
export function isManagementUser(tags: readonly string[]): boolean {
  return tags.includes('management') || isMonitor(tags) || isPolicymaker(tags);
}
