/* The packet rules: loaded before any interface is up, and written down for the worker, which has no right to ask the kernel for them. */
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init.h"
#include "paths.h"
#include "say.h"

/* Runs nft with one file as its output, and gives whether it went well. */
static int run_nft(char *const arguments[], int output) {
  const pid_t child = fork();
  if (child < 0) return 0;
  if (child == 0) {
    dup2(output, STDOUT_FILENO);
    char *const nothing[] = {NULL};
    execve(NFT, arguments, nothing);
    _exit(127);
  }
  int status = -1;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return 0;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void load_packet_rules(void) {
  const int none = open("/dev/null", O_RDWR | O_CLOEXEC);
  char *load[] = {NFT, "-f", PACKET_RULES, NULL};
  if (none < 0 || !run_nft(load, none)) give_up("the packet rules cannot be loaded");
  close(none);
  /* Users read it, nobody but root writes it. */
  const int listing = open(RULES_IN_FORCE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
  char *list[] = {NFT, "-j", "list", "ruleset", NULL};
  if (listing < 0 || !run_nft(list, listing)) give_up("the packet rules cannot be listed");
  close(listing);
}
