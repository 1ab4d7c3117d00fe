/* The steps of the boot, each in the file of its name. A step that fails powers the machine off. */
#ifndef INIT_H
#define INIT_H

#include <sys/types.h>

/* mounts.c */
void mount_all(void);
/* configfs is a module, so it comes later than the others. */
void mount_configfs(void);

/* modules.c */
void load_modules(void);

/* harden.c */
void await_entropy(void);
/* Before the first interface is there. */
void harden_network(void);
/* After the last module is there. */
void harden_kernel(void);

/* rules.c */
void load_packet_rules(void);

/* handover.c: what root makes for the gate's user, who could not. */
void make_report_entry(void);
void find_configuration(void);
/* Makes the gate's control group anew; nobody may be in the old one. */
void make_gate_group(void);

/* gate.c: starts the worker, and gives its process. */
pid_t start_gate(void);

/* clock.c: milliseconds since the boot; the operator cannot set that clock. */
long long now_ms(void);

#endif
