/** A guest did what the Component Model answers with a trap: the instance is over, and so is its call. */
export class GuestTrap extends Error {}
