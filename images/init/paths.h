/* Names that the programs of the image share: users, files, the gate's command line. The tree that the builder makes has them. */
#ifndef PATHS_H
#define PATHS_H

/* The gate's user and group. Function processes are FIRST_FUNCTION_ID + slot, each a user of its own. */
#ifndef GATE_ID /* Tests are another one. */
#define GATE_ID 990
#endif
#define FIRST_FUNCTION_ID 10000
#define SLOTS 256

#ifndef NODE
#define NODE "/bin/node"
#endif
#define WORKER "/lib/anchorhold/image.js"
#define NFT "/usr/sbin/nft"

#define MODULE_LIST "/etc/anchorhold/modules"
#define MODULE_FOLDER "/lib/modules/"
#define PACKET_RULES "/etc/anchorhold/nftables.conf"
#define RESOLVER_FILE "/etc/resolv.conf"

#define RUN_FOLDER "/run/anchorhold"
#define RULES_IN_FORCE RUN_FOLDER "/nftables.json"
#define CONFIG_LINK RUN_FOLDER "/config"
#ifndef LAUNCH_SOCKET
#define LAUNCH_SOCKET RUN_FOLDER "/launch.sock"
#endif

#define TSM_REPORTS "/sys/kernel/config/tsm/report"
#define TSM_ENTRY TSM_REPORTS "/anchorhold"
#define CGROUP_ROOT "/sys/fs/cgroup"
#define GATE_CGROUP CGROUP_ROOT "/anchorhold"

#endif
