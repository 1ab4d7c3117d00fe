/* Keeps the machine's address: asks for a lease, renews it, and starts again when it is lost. [RFC 2131 4.4] */
#ifndef LEASE_H
#define LEASE_H

#include "network.h"

/* Opens the client, and gives the socket to listen on. */
int open_lease(const struct interface *outside);

/* Gives when lease_step wants to be called although nothing came, on the clock of now_ms. */
long long lease_due(void);

/* Takes what came, and does what is due. */
void lease_step(void);

/* Waits for the first lease. */
void await_lease(void);

#endif
