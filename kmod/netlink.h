/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EXTFUSE_NETLINK_H
#define EXTFUSE_NETLINK_H

int extfuse_netlink_init(void);
void extfuse_netlink_exit(void);

#endif
